/** Predicted rows by period, a bar each, divided by label. */

import { Chart } from '../charts/chart'
import { count } from '../format'
import type { LivePeriod } from '../service/types'

interface Props {
  periods: LivePeriod[]
  labels: string[]
  by: string
}

export function Volume({ periods, labels, by }: Props) {
  const most = Math.max(1, ...periods.map(({ rows }) => rows))
  const time = (place: number) => {
    const period = periods[Math.round(place)]
    return period ? short(period.start, by) : ''
  }
  return (
    <div>
      <Chart
        title={`Predicted rows by ${by}`}
        summary={`At most ${count(most)} rows in one of ${periods.length} periods`}
        x={{ title: '', domain: [-0.5, periods.length - 0.5], format: time }}
        y={{ title: 'rows', domain: [0, most], format: count }}
      >
        {(scales) =>
          periods.map((period, place) => {
            let below = 0
            const width = Math.max(1, 0.8 * (scales.x(place + 1) - scales.x(place)))
            return labels.map((label, number) => {
              const rows = period.labels[label] ?? 0
              const bottom = scales.y(below)
              below += rows
              return (
                <rect
                  key={`${period.start} ${label}`}
                  class={`series-${number % 4}`}
                  x={scales.x(place) - width / 2}
                  width={width}
                  y={scales.y(below)}
                  height={bottom - scales.y(below)}
                >
                  <title>{`${short(period.start, by)}: ${rows} ${label}`}</title>
                </rect>
              )
            })
          })
        }
      </Chart>
      {labels.length > 1 && (
        <p class="legend">
          {labels.map((label, number) => (
            <span key={label}>
              <i class={`series-${number % 4}`} />
              <bdi>{label}</bdi>
            </span>
          ))}
        </p>
      )}
    </div>
  )
}

/** The start of a period in local time. */
export function short(start: string, by: string): string {
  const date = new Date(start)
  const day = date.toLocaleDateString(undefined, { month: 'short', day: 'numeric' })
  return by === 'hour' ? `${day} ${date.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' })}` : day
}
