/** Figures of several classes: from the truth that has arrived, and expected from the probabilities. */

import { percent, range, words } from '../format'
import { ClassMatrix, MAX_CLASSES } from '../parts/class-matrix'
import type { Expected, LiveTruth } from '../service/types'

const FIGURES = ['sensitivity', 'positive_predictive_value'] as const

interface Props {
  truth: LiveTruth
  expected: Expected | null | undefined
  classes: string[]
}

export function ClassesLive({ truth, expected, classes }: Props) {
  if (classes.length > MAX_CLASSES) return null
  const known = truth.confusion_matrix as number[][] | null | undefined
  const predicted = expected?.confusion_matrix as number[][] | undefined
  const caption = 'true class (down) and predicted class (across)'
  return (
    <>
      {known && truth.rows > 0 && (
        <ClassMatrix
          matrix={known}
          classes={classes}
          caption={`Rows with truth by ${caption}`}
          sensitivity={(name) => truth.classes?.[name]?.sensitivity.value}
          label="Confusion matrix from the truth"
        />
      )}
      {predicted && expected && expected.rows > 0 && (
        <ClassMatrix
          matrix={predicted}
          classes={classes}
          caption={`Expected rows by ${caption}`}
          sensitivity={(name) => expected.classes?.[name]?.sensitivity}
          label="Expected confusion matrix"
        />
      )}
      <div class="scrolled spaced" tabIndex={0} role="region" aria-label="Figures by class">
        <table class="figures">
          <caption class="hidden">By class: figures from the truth, with 95 % intervals, and expected ones</caption>
          <thead>
            <tr>
              <td />
              {FIGURES.map((figure) => (
                <>
                  <th scope="col">{words(figure)} from the truth</th>
                  <th scope="col">expected</th>
                </>
              ))}
            </tr>
          </thead>
          <tbody>
            {classes.map((name) => (
              <tr key={name}>
                <th scope="row">
                  <bdi>{name}</bdi>
                </th>
                {FIGURES.map((figure) => (
                  <>
                    <td class="number">
                      <b>{percent(truth.classes?.[name]?.[figure].value)}</b>
                      <small>{range(truth.classes?.[name]?.[figure].interval)}</small>
                    </td>
                    <td class="number">{percent(expected?.classes?.[name]?.[figure])}</td>
                  </>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  )
}
