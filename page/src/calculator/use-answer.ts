/** The answer to the entered row: first the prediction, then its explanation, then the curves. */

import { useEffect, useState } from 'preact/hooks'
import { modelPath, withQuery } from '../service/paths'
import { isAborted, postJson, ServiceError } from '../service/request'
import type { ExplainAnswer, Explanation, PredictAnswer, Row } from '../service/types'

export interface Answers {
  prediction: PredictAnswer | null
  explanation: Explanation | null
  referenceRows: number
  curves: Explanation['curves'] | null
  /** Rules that the row breaks, by feature. */
  errors: Record<string, string>
  failure: string | null
}

const NONE: Answers = {
  prediction: null,
  explanation: null,
  referenceRows: 0,
  curves: null,
  errors: {},
  failure: null,
}
const KINDS = ['shapley', 'counterfactuals', 'certainty', 'neighbours']

export interface Question {
  model: string
  row: Row
  threshold: number | undefined
  reference: string
  /** Features of which no valid value is entered. */
  unset: string[]
  hasCounterfactuals: boolean
}

export function useAnswer({ model, row, threshold, reference, unset, hasCounterfactuals }: Question): Answers {
  const [answers, setAnswers] = useState(NONE)
  useEffect(() => setAnswers(NONE), [model])
  useEffect(() => {
    if (unset.length > 0) {
      setAnswers((last) => ({ ...last, prediction: null, explanation: null, errors: {} }))
      return
    }
    const abort = new AbortController()
    const explain = (kinds: string[]) =>
      postJson<ExplainAnswer>(
        withQuery(modelPath(model, '/explain'), { include: kinds.join(','), reference, threshold }),
        { instances: [row] },
        abort.signal,
      )
    const ask = async () => {
      const prediction = await postJson<PredictAnswer>(
        withQuery(modelPath(model, '/predict'), { threshold }),
        row,
        abort.signal,
      )
      setAnswers((last) => ({ ...last, prediction, errors: {}, failure: null }))
      const kinds = KINDS.filter((kind) => hasCounterfactuals || kind !== 'counterfactuals')
      const explained = await explain(kinds)
      const [explanation] = explained.explanations
      setAnswers((last) => ({ ...last, explanation, referenceRows: explained.reference.rows }))
      const { curves } = (await explain(['curves'])).explanations[0]
      setAnswers((last) => ({ ...last, curves: curves ?? null }))
    }
    ask().catch((error: unknown) => {
      if (!isAborted(error)) setAnswers((last) => ({ ...last, ...failed(error as Error, model) }))
    })
    return () => abort.abort()
  }, [model, row, threshold, reference, hasCounterfactuals])
  return answers
}

function failed(error: Error, model: string): Partial<Answers> {
  const rules = error instanceof ServiceError ? error.problem.errors : undefined
  if (!rules) return { prediction: null, explanation: null, failure: `${model}: ${error.message}` }
  const errors = Object.fromEntries(rules.map(({ field, rule }) => [field, rule]))
  return { prediction: null, explanation: null, errors, failure: null }
}
