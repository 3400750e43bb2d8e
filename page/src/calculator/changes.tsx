/** Counterfactuals: the fewest, smallest changes of the row with another label. */

import { featureName, percent, spelled } from '../format'
import type { Changes as Found, Description, Explanation, Row } from '../service/types'
import { labelOf, predictionOf } from '../targets'

interface Props {
  model: Description
  row: Row
  explanation: Explanation
  output: string
  onApply: (changes: Row) => void
}

export function Changes({ model, row, explanation, output, onApply }: Props) {
  const { counterfactuals } = explanation
  if (!counterfactuals) return null
  const changes: Found | undefined = 'labels' in counterfactuals ? counterfactuals.labels[output] : counterfactuals
  if (!changes) return null
  const feature = (name: string) => model.schema.features.find((each) => each.name === name)
  return (
    <section class="changes">
      <h3>What would change the answer</h3>
      {changes.found.length === 0 && <p class="muted">No change of a few features that is near known cases.</p>}
      <ul>
        {changes.found.map((each) => (
          <li key={JSON.stringify(each.changes)}>
            <button type="button" onClick={() => onApply(each.changes)} title="Enter these values">
              <span>
                {Object.entries(each.changes).map(([name, value], place) => {
                  const changed = feature(name)
                  return (
                    <span key={name}>
                      {place > 0 && ', '}
                      <bdi>{changed ? featureName(changed) : name}</bdi>{' '}
                      <span class="muted">{spelled(row[name], changed)} →</span> <b>{spelled(value, changed)}</b>
                    </span>
                  )
                })}
              </span>
              <span class="then">
                <bdi>{labelOf(each)}</bdi> {percent(predictionOf(each, each.label ?? output))}
              </span>
            </button>
          </li>
        ))}
      </ul>
      {changes.found.length > 0 && (
        <p class="muted">
          {changes.method === 'exhaustive' ? 'No fewer changes have this effect. ' : 'A smaller set of changes may exist. '}
          This is about the model's answer; it is not advice.
        </p>
      )}
    </section>
  )
}
