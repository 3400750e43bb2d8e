/** Entry of the truth of one prediction by its id. */

import { useState } from 'preact/hooks'
import { postJson } from '../service/request'
import type { Target } from '../service/types'

interface Props {
  target: Target
  onRecorded: () => void
}

export function FeedbackForm({ target, onRecorded }: Props) {
  const [id, setId] = useState('')
  const [truth, setTruth] = useState('')
  const [result, setResult] = useState<{ text: string; isError: boolean } | null>(null)
  const choices = choicesOf(target)
  const send = async () => {
    try {
      await postJson('feedback', { id: id.trim(), truth: valueOf(truth, target) })
      setResult({ text: 'Recorded.', isError: false })
      setId('')
      onRecorded()
    } catch (error) {
      setResult({ text: (error as Error).message, isError: true })
    }
  }
  return (
    <section>
      <h2>Enter the truth of a prediction</h2>
      <form
        class="actions"
        onSubmit={(event) => {
          event.preventDefault()
          void send()
        }}
      >
        <label>
          Id of the answer{' '}
          <input type="text" class="id" required autocomplete="off" value={id} onInput={(event) => setId(event.currentTarget.value)} />
        </label>
        <label>
          Truth{' '}
          {choices ? (
            <select required value={truth} onChange={(event) => setTruth(event.currentTarget.value)}>
              <option value="" />
              {choices.map((choice) => (
                <option key={choice}>{choice}</option>
              ))}
            </select>
          ) : (
            <input type="text" required value={truth} onInput={(event) => setTruth(event.currentTarget.value)} />
          )}
        </label>
        <button type="submit" class="main">
          Record
        </button>
      </form>
      {result && (
        <p role="status" class={result.isError ? 'error' : ''}>
          {result.text}
        </p>
      )}
    </section>
  )
}

function choicesOf(target: Target): string[] | null {
  if (target.task === 'binary') return [target.negative, target.positive]
  return target.task === 'multi_class' ? target.classes : null
}

/** Labels of a multi-label target are separated by commas; a regression has a number. */
function valueOf(text: string, target: Target): unknown {
  if (target.task === 'multi_label') {
    return text
      .split(',')
      .map((each) => each.trim())
      .filter(Boolean)
  }
  return target.task === 'regression' || target.task === 'non_negative' ? Number(text) : text
}
