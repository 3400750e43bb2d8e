/** Drift of each feature and output against the training rows: its size, and how certain it is. */

import { count, featureName, number, percent, words } from '../format'
import type { DriftFigures, Feature } from '../service/types'

interface Props {
  title: string
  figures: DriftFigures[]
  features?: Feature[]
}

export function Drift({ title, figures, features = [] }: Props) {
  if (!figures.length) return null
  const name = (of: string) => {
    const feature = features.find((each) => each.name === of)
    return feature ? featureName(feature) : words(of)
  }
  const sorted = figures.toSorted((a, b) => Number(b.drifted) - Number(a.drifted) || b.excess_psi - a.excess_psi)
  return (
    <section>
      <h2>{title}</h2>
      <p class="muted">
        The stability index (PSI) is the size of a difference from the training rows. Chance alone gives the second
        figure; q is the probability of such a difference without drift, adjusted for all features.
      </p>
      <div class="scrolled" tabIndex={0} role="region" aria-label={title}>
        <table class="figures">
          <caption class="hidden">{title}</caption>
          <thead>
            <tr>
              <th scope="col">{features.length ? 'Feature' : 'Output'}</th>
              <th scope="col">PSI</th>
              <th scope="col">by chance</th>
              <th scope="col">q</th>
              <th scope="col">missing</th>
              <th scope="col">out of range</th>
              <th scope="col">rows</th>
              <th scope="col">Verdict</th>
            </tr>
          </thead>
          <tbody>
            {sorted.map((each) => (
              <tr key={each.name}>
                <th scope="row">
                  <bdi>{name(each.name)}</bdi>
                </th>
                <td class="number">{number(each.psi, 2)}</td>
                <td class="number">{number(each.psi_by_chance, 2)}</td>
                <td class="number">{each.q < 0.001 ? '< 0.001' : number(each.q, 2)}</td>
                <td class="number">{percent(each.missing)}</td>
                <td class="number">{percent(each.out_of_range)}</td>
                <td class="number">{count(each.rows)}</td>
                <td>
                  {each.drifted ? <b class="warning">drifted</b> : each.rows < 50 ? 'too few rows' : 'no drift shown'}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}
