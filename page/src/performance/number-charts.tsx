/** True by predicted numbers, in groups of rows with similar predictions. */

import { Chart, linePath } from '../charts/chart'
import { domainOf } from '../charts/scale'
import { count, words } from '../format'
import type { NumberGroup } from '../service/types'

interface Props {
  output: string
  rows: number
  groups: NumberGroup[]
  title: string
  unit: string | null
}

export function NumberChart({ output, rows, groups, title, unit }: Props) {
  if (groups.length < 2) return null
  const ends = groups.flatMap((group) => [group.predicted, group.true, ...group.residual.map((each) => group.predicted + each)])
  const domain = domainOf(ends)
  const suffix = unit ? `, ${unit}` : ''
  return (
    <Chart
      title={`${title}: ${words(output)}`}
      summary={`Mean true value of ${count(rows)} rows in ${groups.length} groups, by mean prediction; bars hold 90 % of the rows`}
      x={{ title: `mean prediction${suffix}`, domain }}
      y={{ title: `true value${suffix}`, domain }}
    >
      {(scales) => (
        <>
          <path class="reference" d={linePath(scales, domain, domain)} />
          {groups.map((group) => (
            <g key={group.predicted}>
              <line
                class="whisker"
                x1={scales.x(group.predicted)}
                x2={scales.x(group.predicted)}
                y1={scales.y(group.predicted + group.residual[0])}
                y2={scales.y(group.predicted + group.residual[1])}
              />
              <circle class="point" r="4" cx={scales.x(group.predicted)} cy={scales.y(group.true)}>
                <title>{`${group.rows} rows`}</title>
              </circle>
            </g>
          ))}
        </>
      )}
    </Chart>
  )
}
