/** What was true of cases with a similar prediction. */

import { number, percent, range } from '../format'
import type { Description, Explanation } from '../service/types'
import { isNumber, ofOutput } from '../targets'

interface Props {
  model: Description
  explanation: Explanation
  output: string
}

export function Evidence({ model, explanation, output }: Props) {
  const { neighbours } = explanation
  if (!neighbours) return null
  const found = ofOutput(neighbours, output)
  const cases = neighbours.source === 'out-of-bag' ? 'out-of-bag' : 'validation'
  if (isNumber(model.schema.target)) {
    return (
      <section class="evidence">
        <h3>Evidence</h3>
        {found.rows === 0 ? (
          <p>No {cases} case has a similar prediction.</p>
        ) : (
          <p>
            Of the {found.rows} {cases} cases with the most similar predictions, the mean of the true values is{' '}
            <b>{number(found.mean)}</b>; 90 % are from {number(found.low)} to {number(found.high)}.
          </p>
        )}
      </section>
    )
  }
  return (
    <section class="evidence">
      <h3>Evidence</h3>
      {found.rows === 0 ? (
        <p>
          No {cases} case has a probability from {percent(found.low, 0)} to {percent(found.high, 0)}.
        </p>
      ) : (
        <p data-testid="evidence">
          Of the {found.rows} {cases} {found.rows === 1 ? 'case' : 'cases'} with a probability from{' '}
          {percent(found.low, 0)} to {percent(found.high, 0)}, <b>{found.positive}</b>{' '}
          {found.positive === 1 ? 'was' : 'were'} “<bdi>{output}</bdi>”
          {found.interval && ` (95 % interval of the share: ${range(found.interval, 0)})`}.
        </p>
      )}
      <p class="muted">No network that predicted these cases was trained on them.</p>
    </section>
  )
}
