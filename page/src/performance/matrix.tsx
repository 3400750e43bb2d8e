/** A confusion matrix of two labels. */

import { count, percent } from '../format'
import type { ConfusionMatrix } from '../service/types'

interface Props {
  matrix: ConfusionMatrix
  negative: string
  positive: string
  title: string
}

export function Matrix({ matrix, negative, positive, title }: Props) {
  const { true_negative, false_positive, false_negative, true_positive } = matrix
  return (
    <table class="matrix" data-testid="matrix">
      <caption class="hidden">{title}: confusion matrix</caption>
      <thead>
        <tr>
          <td />
          <th scope="col">
            called <bdi>{positive}</bdi>
          </th>
          <th scope="col">
            called <bdi>{negative}</bdi>
          </th>
        </tr>
      </thead>
      <tbody>
        <tr>
          <th scope="row">
            <bdi>{positive}</bdi>
          </th>
          <Cell rows={true_positive} of={true_positive + false_negative} name="true positives" isRight />
          <Cell rows={false_negative} of={true_positive + false_negative} name="missed" />
        </tr>
        <tr>
          <th scope="row">
            <bdi>{negative}</bdi>
          </th>
          <Cell rows={false_positive} of={true_negative + false_positive} name="false alarms" />
          <Cell rows={true_negative} of={true_negative + false_positive} name="true negatives" isRight />
        </tr>
      </tbody>
    </table>
  )
}

function Cell({ rows, of, name, isRight = false }: { rows: number; of: number; name: string; isRight?: boolean }) {
  return (
    <td class={isRight ? 'right' : 'wrong'}>
      <b>{count(rows)}</b>
      <small>
        {name}
        {of > 0 && `, ${percent(rows / of, 0)}`}
      </small>
    </td>
  )
}
