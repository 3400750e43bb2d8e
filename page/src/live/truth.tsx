/** Figures from the truth that has arrived, what is not known, and what is expected before it does. */

import { count, number, percent, range, words } from '../format'
import { Matrix } from '../performance/matrix'
import type { ConfusionMatrix, Figure, Live, Target } from '../service/types'
import { ClassesLive } from './classes'

const FIGURES = ['sensitivity', 'specificity', 'positive_predictive_value', 'negative_predictive_value', 'accuracy']

interface Props {
  live: Live
  target: Target
}

export function TruthFigures({ live, target }: Props) {
  const { truth, expected } = live
  if (!truth) return null
  const matrix = truth.confusion_matrix
  return (
    <section>
      <h2>Truth</h2>
      <p>
        The truth of <b>{count(truth.rows)}</b> of {count(live.rows)} rows has arrived ({percent(truth.coverage)}).
      </p>
      {truth.by_label && (
        <ul class="plain">
          {Object.entries(truth.by_label).map(([label, known]) => (
            <li key={label}>
              predicted “<bdi>{label}</bdi>”: {count(known.truth)} of {count(known.rows)} ({percent(known.share)})
            </li>
          ))}
        </ul>
      )}
      {target.task === 'binary' && matrix && truth.rows > 0 && (
        <Matrix matrix={matrix as ConfusionMatrix} negative={target.negative} positive={target.positive} title="Rows with truth" />
      )}
      <div class="scrolled spaced" tabIndex={0} role="region" aria-label="Figures from the truth">
        <table class="figures">
          <caption class="hidden">Figures from the truth, with 95 % intervals, and expected ones</caption>
          <thead>
            <tr>
              <td />
              <th scope="col">from the truth</th>
              <th scope="col">expected from the probabilities</th>
            </tr>
          </thead>
          <tbody>
            {FIGURES.filter((name) => truth[name] !== undefined || expected?.[name] !== undefined).map((name) => {
              const figure = truth[name] as Figure | undefined
              const reason = truth.not_known?.[name]
              return (
                <tr key={name}>
                  <th scope="row">{words(name)}</th>
                  <td class="number">
                    {reason ? (
                      <>
                        not known<small class="reason">{reason}</small>
                      </>
                    ) : (
                      <>
                        <b>{percent(figure?.value)}</b>
                        <small>{range(figure?.interval)}</small>
                      </>
                    )}
                  </td>
                  <td class="number">{percent(expected?.[name] as number | null | undefined)}</td>
                </tr>
              )
            })}
          </tbody>
        </table>
      </div>
      {target.task === 'multi_class' && <ClassesLive truth={truth} expected={expected} classes={target.classes} />}
      {expected && (
        <p class="muted">
          The expected figures are an estimate: they hold if the probabilities are as right as they were on
          held-out rows.
        </p>
      )}
      {truth.calibration && truth.calibration.length > 0 && (
        <div class="scrolled spaced" tabIndex={0} role="region" aria-label="Calibration by month">
          <table class="figures">
            <caption>Calibration by month: a slope of 1 is right; below 1, probabilities are too extreme</caption>
            <thead>
              <tr>
                <th scope="col">Month</th>
                <th scope="col">rows</th>
                <th scope="col">Brier score</th>
                <th scope="col">slope</th>
              </tr>
            </thead>
            <tbody>
              {truth.calibration.map((month) => (
                <tr key={month.month}>
                  <th scope="row">{month.month}</th>
                  <td class="number">{count(month.rows)}</td>
                  <td class="number">{number(month.brier, 3)}</td>
                  <td class="number">{number(month.slope, 3)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  )
}

