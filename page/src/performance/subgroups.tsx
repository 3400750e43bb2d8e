/** Figures of groups of rows. */

import { count, number, percent, range, words } from '../format'
import type { Subgroup } from '../service/types'

export function Subgroups({ groups }: { groups: Subgroup[] }) {
  const figures = [...new Set(groups.flatMap((group) => Object.keys(group.scores)))]
  if (!groups.length) return null
  return (
    <section>
      <h2>Groups of rows</h2>
      <div class="scrolled" tabIndex={0} role="region" aria-label="Figures of groups of rows">
        <table class="figures">
          <caption class="hidden">Figures of groups of rows, with 95 % intervals</caption>
          <thead>
            <tr>
              <th scope="col">Group</th>
              <th scope="col">Rows</th>
              {figures.map((name) => (
                <th scope="col" key={name}>
                  {words(name)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {groups.map((group) => (
              <tr key={`${group.column} ${group.value}`}>
                <th scope="row">
                  <bdi>{words(group.column)}</bdi>: <bdi>{group.value || 'blank'}</bdi>
                </th>
                <td class="number">{count(group.rows)}</td>
                {figures.map((name) => {
                  const { value, interval } = group.scores[name] ?? { value: null, interval: null }
                  const isShare = name === 'accuracy'
                  return (
                    <td class="number" key={name}>
                      <b>{isShare ? percent(value) : number(value)}</b>
                      <small>
                        {interval && (isShare ? range(interval) : `${number(interval[0], 3)} – ${number(interval[1], 3)}`)}
                      </small>
                    </td>
                  )
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}
