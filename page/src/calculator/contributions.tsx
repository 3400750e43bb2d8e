/** Shapley values: how each feature moves the prediction away from that of the reference rows. */

import { featureName, number, percent, points, signed, spelled } from '../format'
import type { Description, Explanation, Row } from '../service/types'
import { effectsOf, isNumber, ofOutput } from '../targets'

interface Props {
  model: Description
  row: Row
  explanation: Explanation
  output: string
  reference: string
  references: [string, string][]
  referenceRows: number
  onReference: (reference: string) => void
}

const SHOWN = 12

export function Contributions(props: Props) {
  const { model, row, explanation, output, reference, references, referenceRows, onReference } = props
  const { shapley } = explanation
  const effects = shapley && effectsOf(ofOutput(shapley, output))
  if (!shapley || !effects) return null
  const isShare = !isNumber(model.schema.target)
  const show = isShare ? points : signed
  const total = isShare ? percent : (value: number) => number(value)
  const sorted = model.schema.features
    .map((feature) => ({ feature, effect: effects.values[feature.name] ?? 0 }))
    .toSorted((a, b) => Math.abs(b.effect) - Math.abs(a.effect))
  const rest = sorted.slice(SHOWN)
  const largest = Math.max(...sorted.map(({ effect }) => Math.abs(effect)), 1e-12)
  const sum = sorted.reduce((all, { effect }) => all + effect, effects.reference)
  return (
    <section class="contributions">
      <h3>What the answer comes from</h3>
      <p class="compared">
        <label>
          Compared with{' '}
          <select value={reference} onChange={(event) => onReference(event.currentTarget.value)}>
            {references.map(([name, text]) => (
              <option key={name} value={name}>
                {text}
              </option>
            ))}
          </select>
        </label>
        {referenceRows > 1 && <span class="muted nowrap"> {referenceRows} rows</span>}
      </p>
      <table>
        <caption class="hidden">
          Effect of each feature on the {isShare ? 'probability, in percentage points' : 'predicted value'}
        </caption>
        <tbody>
          <tr class="sum">
            <th scope="row">Mean of the reference</th>
            <td class="number">{total(effects.reference)}</td>
            <td />
          </tr>
          {sorted.slice(0, SHOWN).map(({ feature, effect }) => (
            <tr key={feature.name}>
              <th scope="row">
                <bdi>{featureName(feature)}</bdi> <span class="muted">{spelled(row[feature.name], feature)}</span>
              </th>
              <td class="number">{show(effect)}</td>
              <td class="bar" aria-hidden="true">
                <Bar effect={effect / largest} />
              </td>
            </tr>
          ))}
          {rest.length > 0 && (
            <tr>
              <th scope="row">{rest.length} other features</th>
              <td class="number">{show(rest.reduce((all, { effect }) => all + effect, 0))}</td>
              <td />
            </tr>
          )}
          <tr class="sum">
            <th scope="row">Prediction</th>
            <td class="number">{total(sum)}</td>
            <td />
          </tr>
        </tbody>
      </table>
      <p class="muted">
        Shapley values{isShare && ', in percentage points'},{' '}
        {shapley.method === 'exact'
          ? 'exact'
          : `sampled; the standard error is at most ${number(shapley.standard_error, 2)}`}
        . They describe the model, not the cause of a disease or any other truth.
      </p>
    </section>
  )
}

/** A bar to the right of the middle for an increase, to the left for a decrease. */
function Bar({ effect }: { effect: number }) {
  const width = 50 * Math.abs(effect)
  return (
    <span class="diverging">
      <i class={effect < 0 ? 'off' : 'on'} style={{ left: `${effect < 0 ? 50 - width : 50}%`, width: `${width}%` }} />
    </span>
  )
}
