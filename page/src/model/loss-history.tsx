/** The losses during the training. */

import { Chart, linePath } from '../charts/chart'
import { domainOf } from '../charts/scale'
import { number, words } from '../format'
import type { Losses } from '../service/types'

const SERIES = ['train', 'validation', 'out_of_bag'] as const
const TITLES = { train: 'training rows', validation: 'validation rows', out_of_bag: 'out-of-bag rows' }

export function LossHistory({ history }: { history: Losses[] }) {
  const shown = SERIES.filter((name) => history.some((each) => each[name] !== undefined))
  const epochs = history.map(({ epoch }) => epoch)
  const all = shown.flatMap((name) => history.map((each) => each[name])).filter((each) => each !== undefined)
  if (history.length < 2) return null
  const [low, high] = domainOf(all)
  const last = history[history.length - 1]
  const courses = shown.map((name) => `of ${TITLES[name]} to ${number(last?.[name], 3)}`)
  return (
    <section>
      <h2>Training</h2>
      <div class="charts">
        <div>
          <Chart
            title="Loss by epoch"
            summary={`The loss goes ${courses.join(', ')}`}
            x={{ title: 'epoch', domain: domainOf(epochs) }}
            y={{ title: 'loss', domain: [Math.min(0, low), high] }}
          >
            {(scales) =>
              shown.map((name) => (
                <path
                  key={name}
                  class={`line ${name}`}
                  d={linePath(
                    scales,
                    epochs,
                    history.map((each) => each[name]),
                  )}
                />
              ))
            }
          </Chart>
          <p class="legend">
            {shown.map((name) => (
              <span key={name}>
                <i class={name} />
                {words(TITLES[name])}
              </span>
            ))}
          </p>
        </div>
      </div>
    </section>
  )
}
