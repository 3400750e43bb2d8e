/** Calculator: the features of one row beside the answer and its evidence. */

import { useEffect, useMemo, useState } from 'preact/hooks'
import { domainOf, type Domain } from '../charts/scale'
import { featureName, number, percent } from '../format'
import type { Description, Explanation, Feature, PredictAnswer, Row, Value } from '../service/types'
import { hasThreshold, isNumber, labelOf, ofOutput, outputsOf, predictionOf, usualOutput } from '../targets'
import { Actions, Examples } from './actions'
import { Answer, Notices } from './answer'
import { Changes } from './changes'
import { Contributions } from './contributions'
import { Evidence } from './evidence'
import { FeatureInput, type Along } from './feature-input'
import { Limits } from '../parts/limits'
import { ThresholdField } from './threshold-field'
import { useAnswer } from './use-answer'

const FILTER_FROM = 20

interface Props {
  model: Description
  onVersion: (title: string) => void
}

export function Calculator({ model, onVersion }: Props) {
  const { features, target } = model.schema
  const [row, setRow] = useState<Row>(() => startOf(model))
  const [threshold, setThreshold] = useState(model.threshold)
  const [reference, setReference] = useState(model.inputs?.references?.[0] ?? 'training')
  const [chosen, setChosen] = useState<string | null>(null)
  const [filter, setFilter] = useState('')
  const [texts, setTexts] = useState<Record<string, true>>({})
  const unset = features.filter(({ name }) => row[name] === undefined).map(({ name }) => name)
  const canThreshold = hasThreshold(target)
  const answers = useAnswer({
    model: model.name,
    row,
    threshold: canThreshold ? threshold : undefined,
    reference,
    unset,
    hasCounterfactuals: !isNumber(target),
  })
  const { prediction, explanation, curves, errors, failure } = answers
  useEffect(() => {
    if (prediction) onVersion(prediction.model)
  }, [prediction?.model])

  const output = chosen ?? usualOutput(target, prediction)
  const change = (name: string, value: Value | undefined) => {
    setTexts((last) => ({ ...last, [name]: true }))
    setRow((last) => ({ ...last, [name]: value }))
  }
  const { along, domain } = useMemo(
    () => curvesOf(curves ?? undefined, output, !isNumber(target)),
    [curves, output],
  )
  const rowErrors: Record<string, string> = { ...errors }
  for (const name of unset) if (texts[name]) rowErrors[name] = 'Enter a valid value.'
  const other = Object.entries(errors).filter(([name]) => !features.some((feature) => feature.name === name))

  return (
    <div class="calculator">
      <form class="inputs" onSubmit={(event) => event.preventDefault()}>
        <Examples model={model} onRow={(values) => setRow((last) => ({ ...last, ...values }))} />
        {features.length >= FILTER_FROM && (
          <p>
            <label>
              Find one of {features.length} features{' '}
              <input type="search" value={filter} onInput={(event) => setFilter(event.currentTarget.value)} />
            </label>
          </p>
        )}
        {grouped(features, filter).map(([group, members]) => (
          <Group key={group} name={group} isMany={features.length >= FILTER_FROM}>
            {members.map((feature) => (
              <FeatureInput
                key={feature.name}
                feature={feature}
                value={row[feature.name]}
                error={rowErrors[feature.name]}
                isImputed={prediction?.imputed?.includes(feature.name) ?? false}
                along={along[feature.name]}
                domain={domain}
                isShare={!isNumber(target)}
                prediction={prediction ? predictionOf(prediction, output) : undefined}
                threshold={canThreshold ? threshold : undefined}
                quartiles={model.inputs?.quartiles?.[feature.name]}
                onChange={(value) => change(feature.name, value)}
              />
            ))}
          </Group>
        ))}
      </form>
      <div class="answer" id="answer" aria-label="Answer" role="region" tabIndex={-1}>
        {canThreshold && threshold !== undefined && (
          <ThresholdField model={model} threshold={threshold} onThreshold={setThreshold} />
        )}
        {failure && (
          <p class="notice error" role="alert">
            {failure}
          </p>
        )}
        {other.map(([field, rule]) => (
          <p key={field} class="notice error" role="alert">
            {field} {rule}
          </p>
        ))}
        {unset.length > 0 && (
          <p class="notice">
            No answer without{' '}
            {unset
              .slice(0, 3)
              .map((name) => featureName(features.find((each) => each.name === name) as Feature))
              .join(', ')}
            {unset.length > 3 && ` and ${unset.length - 3} others`}.
          </p>
        )}
        {prediction && (
          <>
            <Answer model={model} prediction={prediction} explanation={explanation} />
            <Notices features={features} prediction={prediction} explanation={explanation} />
            {prediction.id && (
              <p class="muted">
                Id of this answer: <code data-testid="answer-id">{prediction.id}</code>
              </p>
            )}
          </>
        )}
        {prediction && explanation && (
          <Explained
            {...{ model, row, explanation, output, reference }}
            referenceRows={answers.referenceRows}
            onOutput={setChosen}
            onReference={setReference}
            onApply={(changes) => setRow((last) => ({ ...last, ...changes }))}
          />
        )}
        {unset.length === 0 && <Actions model={model} row={row} threshold={canThreshold ? threshold : undefined} />}
        <Limits limits={model.limits} />
      </div>
      <Summary target={target} prediction={prediction} />
    </div>
  )
}

interface ExplainedProps {
  model: Description
  row: Row
  explanation: Explanation
  output: string
  reference: string
  referenceRows: number
  onOutput: (output: string) => void
  onReference: (reference: string) => void
  onApply: (changes: Row) => void
}

function Explained(props: ExplainedProps) {
  const { model, row, explanation, output, reference, referenceRows, onOutput, onReference, onApply } = props
  const outputs = outputsOf(model.schema.target)
  return (
    <>
      {outputs.length > 1 && (
        <p>
          <label>
            Explain{' '}
            <select value={output} onChange={(event) => onOutput(event.currentTarget.value)}>
              {outputs.map((each) => (
                <option key={each}>{each}</option>
              ))}
            </select>
          </label>
        </p>
      )}
      <Contributions
        {...{ model, row, explanation, output, reference, referenceRows, onReference }}
        references={referencesOf(model)}
      />
      <Changes {...{ model, row, explanation, output, onApply }} />
      <Evidence {...{ model, explanation, output }} />
    </>
  )
}

/** Features under the name of their group. */
function Group({ name, isMany, children }: { name: string; isMany: boolean; children: preact.ComponentChildren }) {
  const kind = isMany ? 'group many' : 'group'
  if (!name) return <div class={kind}>{children}</div>
  return (
    <section class={kind}>
      <h2>
        <bdi>{name}</bdi>
      </h2>
      {children}
    </section>
  )
}

/** The answer in one line at the bottom of a narrow screen. */
function Summary({ target, prediction }: { target: Description['schema']['target']; prediction: PredictAnswer | null }) {
  const value = prediction && target.task === 'binary' ? percent(prediction.probability) : ''
  const first = prediction ? predictionOf(prediction, outputsOf(target)[0] ?? '') : undefined
  const shown = prediction && (labelOf(prediction) || number(first))
  return (
    <p class="summary">
      <button type="button" onClick={() => document.getElementById('answer')?.scrollIntoView()}>
        {prediction ? (
          <span>
            <b>{value}</b> <bdi>{shown}</bdi>
          </span>
        ) : (
          'No answer yet'
        )}
        <span class="muted">details</span>
      </button>
    </p>
  )
}

function startOf(model: Description): Row {
  const typical = model.inputs?.typical ?? {}
  return Object.fromEntries(model.schema.features.map(({ name }) => [name, typical[name]]))
}

function grouped(features: Feature[], filter: string): [string, Feature[]][] {
  const wanted = filter.trim().toLowerCase()
  const groups = new Map<string, Feature[]>()
  for (const feature of features) {
    const text = `${feature.name} ${featureName(feature)}`.toLowerCase()
    if (!text.includes(wanted)) continue
    const group = feature.group ?? ''
    groups.set(group, [...(groups.get(group) ?? []), feature])
  }
  return [...groups]
}

function referencesOf(model: Description): [string, string][] {
  const { target } = model.schema
  const texts: Record<string, string> = { training: 'all training rows', typical: 'one typical row' }
  if (target.task === 'binary') {
    texts.negative = `${target.negative} training rows`
    texts.positive = `${target.positive} training rows`
  }
  return (model.inputs?.references ?? Object.keys(texts)).map((name) => [name, texts[name] ?? name])
}

/** The predictions of an output along each feature, and the range of the axis of all of them. */
function curvesOf(
  curves: Explanation['curves'],
  output: string,
  isShare: boolean,
): { along: Record<string, Along>; domain: Domain } {
  const along = Object.fromEntries(
    Object.entries(curves ?? {}).map(([name, curve]) => {
      const { probability, value } = ofOutput(curve, output)
      return [name, { values: curve.values, predictions: probability ?? value ?? [] }]
    }),
  )
  const all = Object.values(along).flatMap(({ predictions }) => predictions)
  return { along, domain: isShare || !all.length ? [0, 1] : domainOf(all) }
}
