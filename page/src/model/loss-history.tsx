/** The loss of training and validation rows by epoch. */

import { bandPath, Chart, linePath } from '../charts/chart'
import { domainOf } from '../charts/scale'
import { number } from '../format'

export type History = Record<string, (number | null)[]>

/** The first series is that of the epochs. */
export function LossHistory({ history }: { history: unknown }) {
  const { epoch, ...series } = history as History
  if (!epoch?.length) return null
  const all = Object.values(series)
    .flat()
    .filter((each): each is number => typeof each === 'number')
  if (!all.length) return null
  const [low, high] = domainOf(all)
  return (
    <section>
      <h2>Training</h2>
      <div class="charts">
        <Chart
          title="Loss by epoch"
          summary={`The loss of ${Object.keys(series).join(' and ')}, from ${number(high, 3)} to ${number(low, 3)}`}
          x={{ title: 'epoch', domain: domainOf(epoch as number[]) }}
          y={{ title: 'loss', domain: [Math.min(0, low), high] }}
        >
          {(scales) => (
            <>
              <path class="band" d={bandPath(scales, epoch, series.low ?? [], series.high ?? [])} />
              {['train', 'validation'].map((name) => (
                <path key={name} class={`line ${name}`} d={linePath(scales, epoch, series[name] ?? [])} />
              ))}
            </>
          )}
        </Chart>
      </div>
    </section>
  )
}
