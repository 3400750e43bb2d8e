/** Figures at a threshold with their intervals, and predictive values at a prevalence. */

import { percent, range } from '../format'
import type { PartMetrics } from '../service/types'
import { negativePredictiveValue, positivePredictiveValue } from '../statistics'
import { partTitle } from './parts'

const ROWS: [string, string, string][] = [
  ['sensitivity', 'Sensitivity', 'share of the positive rows that are called positive'],
  ['specificity', 'Specificity', 'share of the negative rows that are called negative'],
  ['positive_predictive_value', 'Positive predictive value', 'share of the rows called positive that are positive'],
  ['negative_predictive_value', 'Negative predictive value', 'share of the rows called negative that are negative'],
  ['accuracy', 'Accuracy', 'share of rows classified correctly'],
]

interface Props {
  parts: [string, PartMetrics][]
  prevalence: number | null
}

export function Figures({ parts, prevalence }: Props) {
  return (
    <div class="scrolled" tabIndex={0} role="region" aria-label="Figures at the threshold">
      <table class="figures">
        <caption class="hidden">Figures at the threshold, with 95 % intervals</caption>
        <thead>
          <tr>
            <td />
            {parts.map(([name]) => (
              <th scope="col" key={name}>
                {partTitle(name)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {ROWS.map(([name, title, meaning]) => (
            <tr key={name}>
              <th scope="row">
                {title}
                <small>{meaning}</small>
              </th>
              {parts.map(([part, metrics]) => (
                <td key={part} class="number">
                  <b>{percent(metrics[name] as number | null)}</b>
                  <small>{range(metrics.intervals?.[name])}</small>
                </td>
              ))}
            </tr>
          ))}
          {prevalence !== null && (
            <>
              <tr>
                <th scope="row">
                  PPV at {percent(prevalence)}
                  <small>if this share of all cases is positive</small>
                </th>
                {parts.map(([part, metrics]) => (
                  <AtPrevalence key={part} metrics={metrics} prevalence={prevalence} of={positivePredictiveValue} />
                ))}
              </tr>
              <tr>
                <th scope="row">NPV at {percent(prevalence)}</th>
                {parts.map(([part, metrics]) => (
                  <AtPrevalence key={part} metrics={metrics} prevalence={prevalence} of={negativePredictiveValue} />
                ))}
              </tr>
            </>
          )}
        </tbody>
      </table>
    </div>
  )
}

interface AtProps {
  metrics: PartMetrics
  prevalence: number
  of: (sensitivity: number, specificity: number, prevalence: number) => number | null
}

/** A predictive value; its range is that of both ends of the two intervals, so it is wide. */
function AtPrevalence({ metrics, prevalence, of }: AtProps) {
  const { sensitivity, specificity } = metrics
  if (typeof sensitivity !== 'number' || typeof specificity !== 'number') return <td class="number">–</td>
  const [lows, highs] = [0, 1].map((end) => {
    const ends = [metrics.intervals?.sensitivity?.[end], metrics.intervals?.specificity?.[end]]
    return ends[0] === undefined || ends[1] === undefined ? null : of(ends[0], ends[1], prevalence)
  })
  return (
    <td class="number">
      <b>{percent(of(sensitivity, specificity, prevalence))}</b>
      <small>{typeof lows === 'number' && typeof highs === 'number' && range([lows, highs])}</small>
    </td>
  )
}
