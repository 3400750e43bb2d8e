/** The threshold: one of the operating points of the model, or a number. */

import { percent, words } from '../format'
import type { Description } from '../service/types'

interface Props {
  model: Description
  threshold: number
  onThreshold: (threshold: number) => void
}

export function ThresholdField({ model, threshold, onThreshold }: Props) {
  const points = Object.entries(model.operating_points)
  const name = points.find(([, value]) => value === threshold)?.[0] ?? ''
  return (
    <p class="threshold-field">
      <label>
        Threshold{' '}
        <select
          value={name}
          onChange={(event) => {
            const value = model.operating_points[event.currentTarget.value]
            if (value !== undefined) onThreshold(value)
          }}
        >
          {name === '' && <option value="">other</option>}
          {points.map(([point, value]) => (
            <option key={point} value={point}>
              {words(point)} ({percent(value)})
            </option>
          ))}
        </select>
      </label>
      <label class="hidden" for="threshold-number">
        Threshold as a number
      </label>
      <input
        id="threshold-number"
        type="number"
        min={0}
        max={1}
        step={0.01}
        value={threshold}
        onChange={(event) => {
          const value = event.currentTarget.valueAsNumber
          if (value >= 0 && value <= 1) onThreshold(value)
        }}
      />
    </p>
  )
}
