/** Figures of groups of rows. */

import { count, percent, range, words } from '../format'
import type { Subgroup } from '../service/types'

const FIGURES = ['sensitivity', 'specificity', 'accuracy']

export function Subgroups({ groups }: { groups: Subgroup[] }) {
  if (!groups.length) return null
  const shown = FIGURES.filter((name) => groups.some((group) => typeof group[name] === 'number'))
  return (
    <section>
      <h2>Groups of rows</h2>
      <div class="scrolled" tabIndex={0} role="region" aria-label="Figures of groups of rows">
        <table class="figures">
          <caption class="hidden">Figures of groups of rows at the threshold of the model</caption>
          <thead>
            <tr>
              <th scope="col">Group</th>
              <th scope="col">Rows</th>
              {shown.map((name) => (
                <th scope="col" key={name}>
                  {words(name)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {groups.map((group) => (
              <tr key={`${group.column} ${group.group}`}>
                <th scope="row">
                  <bdi>{words(group.column)}</bdi>: <bdi>{group.group}</bdi>
                </th>
                <td class="number">{count(group.rows)}</td>
                {shown.map((name) => (
                  <td class="number" key={name}>
                    <b>{percent(group[name] as number | null)}</b>
                    <small>
                      {range((group.intervals as Record<string, [number, number]> | undefined)?.[name])}
                    </small>
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}
