/** One axis from 0 to 100 %: the probability, the members' range, the threshold, the refer band. */

import { percent } from '../format'

interface Props {
  probability: number
  threshold?: number | undefined
  refer?: readonly [number, number] | null
  members?: { low: number | null; high: number | null } | undefined
}

const at = (share: number) => `${100 * share}%`

export function ProbabilityAxis({ probability, threshold, refer, members }: Props) {
  const parts = [`probability ${percent(probability)}`]
  if (threshold !== undefined) parts.push(`threshold ${percent(threshold)}`)
  if (refer) parts.push(`referred from ${percent(refer[0])} to ${percent(refer[1])}`)
  const known = members && members.low !== null && members.high !== null ? members : null
  if (known) parts.push(`networks from ${percent(known.low)} to ${percent(known.high)}`)
  return (
    <div class="probability-axis" role="img" aria-label={parts.join(', ')}>
      <div class="track">
        {refer && <i class="refer" style={{ left: at(refer[0]), width: at(refer[1] - refer[0]) }} />}
        <i class="filled" style={{ width: at(probability) }} />
        {known && (
          <i
            class="members"
            style={{ left: at(known.low as number), width: at((known.high as number) - (known.low as number)) }}
          />
        )}
        {threshold !== undefined && <i class="threshold" style={{ left: at(threshold) }} />}
        <i class="marker" style={{ left: at(probability) }} />
      </div>
      <div class="scale" aria-hidden="true">
        {[0, 0.25, 0.5, 0.75, 1].map((tick) => (
          <span key={tick} style={{ left: at(tick) }}>
            {100 * tick} %
          </span>
        ))}
      </div>
    </div>
  )
}
