/** ROC, precision and recall, reliability and decision curves of one output, with bands. */

import { bandPath, Chart, linePath } from '../charts/chart'
import { domainOf } from '../charts/scale'
import { number, percent } from '../format'
import type { CurvePart } from '../service/types'

const UNIT = [0, 1] as const
const share = (value: number) => `${Math.round(100 * value)} %`

interface Props {
  part: CurvePart
  /** Marked on the curves; undefined without a threshold. */
  threshold: number | undefined
  positive: string
}

export function CurveCharts({ part, threshold, positive }: Props) {
  if (!part.positives || part.positives === part.rows) {
    return <p class="muted">There are no curves of rows of one label only.</p>
  }
  return (
    <div class="charts">
      <Roc {...{ part, threshold, positive }} />
      <PrecisionRecall {...{ part, threshold, positive }} />
      <Reliability {...{ part, threshold, positive }} />
      <Decision {...{ part, threshold, positive }} />
    </div>
  )
}

/** The point of a curve of counts at a threshold. */
function countsAt(part: CurvePart, threshold: number | undefined) {
  if (threshold === undefined) return null
  let nearest = -1
  part.threshold.forEach((each, place) => {
    const distance = Math.abs((each ?? 0) - threshold)
    if (nearest < 0 || distance < Math.abs((part.threshold[nearest] ?? 0) - threshold)) nearest = place
  })
  const hits = part.true_positive[nearest]
  const alarms = part.false_positive[nearest]
  return hits === undefined || alarms === undefined ? null : { hits, alarms }
}

function Roc({ part, threshold }: Props) {
  const { false_positive_rate: x, sensitivity, low, high } = part.roc
  const at = countsAt(part, threshold)
  return (
    <Chart
      title={`ROC curve, area ${number(part.areas.roc_auc, 3)}`}
      summary="Sensitivity by false positive rate, with 95 % bands"
      x={{ title: 'false positive rate', domain: UNIT, format: share }}
      y={{ title: 'sensitivity', domain: UNIT, format: share }}
    >
      {(scales) => (
        <>
          <path class="reference" d={linePath(scales, [0, 1], [0, 1])} />
          <path class="band" d={bandPath(scales, x, low, high)} />
          <path class="line" d={linePath(scales, x, sensitivity)} />
          {at && (
            <circle
              class="marker"
              r="5"
              cx={scales.x(at.alarms / (part.rows - part.positives))}
              cy={scales.y(at.hits / part.positives)}
            />
          )}
        </>
      )}
    </Chart>
  )
}

function PrecisionRecall({ part, threshold, positive }: Props) {
  const { recall, precision, low, high } = part.precision_recall
  const at = countsAt(part, threshold)
  const prevalence = part.positives / part.rows
  return (
    <Chart
      title={`Precision and recall, area ${number(part.areas.average_precision, 3)}`}
      summary={`Precision by recall; ${percent(prevalence)} of the rows are ${positive}`}
      x={{ title: 'recall (sensitivity)', domain: UNIT, format: share }}
      y={{ title: 'precision', domain: UNIT, format: share }}
    >
      {(scales) => (
        <>
          <path class="reference" d={linePath(scales, [0, 1], [prevalence, prevalence])} />
          <path class="band" d={bandPath(scales, recall, low, high)} />
          <path class="line" d={linePath(scales, recall, precision)} />
          {at && at.hits + at.alarms > 0 && (
            <circle
              class="marker"
              r="5"
              cx={scales.x(at.hits / part.positives)}
              cy={scales.y(at.hits / (at.hits + at.alarms))}
            />
          )}
        </>
      )}
    </Chart>
  )
}

function Reliability({ part, positive }: Props) {
  return (
    <Chart
      title="Reliability"
      summary={`Share of ${positive} rows by predicted probability; on the diagonal, probabilities are right`}
      x={{ title: 'mean predicted probability', domain: UNIT, format: share }}
      y={{ title: 'share that is positive', domain: UNIT, format: share }}
    >
      {(scales) => (
        <>
          <path class="reference" d={linePath(scales, [0, 1], [0, 1])} />
          {part.reliability.map((bin) => (
            <g key={bin.low}>
              <line
                class="whisker"
                x1={scales.x(bin.mean)}
                x2={scales.x(bin.mean)}
                y1={scales.y(bin.interval[0])}
                y2={scales.y(bin.interval[1])}
              />
              <circle class="point" r="4" cx={scales.x(bin.mean)} cy={scales.y(bin.positives / bin.rows)}>
                <title>{`${bin.positives} of ${bin.rows} rows`}</title>
              </circle>
            </g>
          ))}
        </>
      )}
    </Chart>
  )
}

function Decision({ part, threshold }: Props) {
  const { threshold: x, net_benefit: benefit, low, high, all } = part.decision
  const known = benefit.filter((each) => each !== null)
  if (!known.length) return null
  const [, top] = domainOf([0, ...known])
  const domain = [-0.25 * top, 1.1 * top] as const
  const clipped = (values: (number | null)[]) =>
    values.map((each) => (each === null ? null : Math.min(domain[1], Math.max(domain[0], each))))
  return (
    <Chart
      title="Decision curve"
      summary="Net benefit by threshold: of the model, of treating all, and of treating none"
      x={{ title: 'threshold', domain: UNIT, format: share }}
      y={{ title: 'net benefit', domain, format: (value) => number(value, 2) }}
    >
      {(scales) => (
        <>
          <path class="reference" d={linePath(scales, [0, 1], [0, 0])} />
          <path class="reference dotted" d={linePath(scales, x, all.map((each) => (each === null || each < domain[0] ? null : each)))} />
          <path class="band" d={bandPath(scales, x, clipped(low), clipped(high))} />
          <path class="line" d={linePath(scales, x, clipped(benefit))} />
          {threshold !== undefined && (
            <line class="at" x1={scales.x(threshold)} x2={scales.x(threshold)} y1={scales.y(domain[0])} y2={scales.y(domain[1])} />
          )}
        </>
      )}
    </Chart>
  )
}
