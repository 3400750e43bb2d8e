/** A confusion matrix of several classes: numbers of rows, or expected ones. */

import { percent, rowsOrPart } from '../format'

export const MAX_CLASSES = 30

interface Props {
  matrix: number[][]
  classes: string[]
  caption: string
  sensitivity: (name: string) => number | null | undefined
  label: string
}

export function ClassMatrix({ matrix, classes, caption, sensitivity, label }: Props) {
  return (
    <div class="scrolled" tabIndex={0} role="region" aria-label={label}>
      <table class="classes" data-testid="matrix">
        <caption>{caption}</caption>
        <thead>
          <tr>
            <td />
            {classes.map((each) => (
              <th scope="col" key={each}>
                <bdi>{each}</bdi>
              </th>
            ))}
            <th scope="col">sensitivity</th>
          </tr>
        </thead>
        <tbody>
          {matrix.map((row, truth) => (
            <tr key={classes[truth]}>
              <th scope="row">
                <bdi>{classes[truth]}</bdi>
              </th>
              {row.map((rows, predicted) => (
                <td key={classes[predicted]} class={rows === 0 ? 'zero' : truth === predicted ? 'right' : 'wrong'}>
                  {rowsOrPart(rows)}
                </td>
              ))}
              <td class="number">{percent(sensitivity(classes[truth] ?? ''))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
