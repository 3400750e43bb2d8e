/** The versions of a model, and two of them compared. */

import { useState } from 'preact/hooks'
import { count, number } from '../format'
import { modelPath } from '../service/paths'
import type { Description, ModelCurves, ModelList } from '../service/types'
import { useJson } from '../service/use'

export function Versions({ model, list }: { model: Description; list: ModelList }) {
  const versions = list.models.find(({ name }) => name === model.name)?.versions ?? []
  const others = versions.filter((each) => each !== model.version)
  const [other, setOther] = useState('')
  return (
    <section>
      <h2>Versions</h2>
      <ul class="plain">
        {versions.map((version) => (
          <li key={version}>
            <code>{version.slice(0, 12)}</code> {version === model.version && <b>in service</b>}
          </li>
        ))}
      </ul>
      {others.length > 0 && (
        <>
          <p>
            <label>
              Compare with{' '}
              <select value={other} onChange={(event) => setOther(event.currentTarget.value)}>
                <option value="">choose a version</option>
                {others.map((version) => (
                  <option key={version} value={version}>
                    {version.slice(0, 12)}
                  </option>
                ))}
              </select>
            </label>
          </p>
          {other && <Comparison model={model} other={other} />}
        </>
      )}
    </section>
  )
}

function Comparison({ model, other }: { model: Description; other: string }) {
  const [here, there] = [model.version, other].map((version) =>
    useJson<ModelCurves>(modelPath(model.name, `/versions/${version}/curves`)),
  )
  if (!here?.data || !there?.data) return <p class="muted">{here?.error?.message ?? there?.error?.message ?? 'Loading …'}</p>
  const rows = here.data.outputs.flatMap(({ name, parts }) =>
    Object.entries(parts).map(([part, figures]) => ({
      title: `${name}, ${part.replaceAll('_', ' ')}`,
      here: figures,
      there: there.data?.outputs.find((each) => each.name === name)?.parts[part],
    })),
  )
  return (
    <div class="scrolled" tabIndex={0} role="region" aria-label="Figures of both versions">
      <table class="figures">
        <caption>Area under the ROC curve, and average precision, each on the version's own rows</caption>
        <thead>
          <tr>
            <th scope="col">Rows</th>
            <th scope="col">in service</th>
            <th scope="col">{other.slice(0, 12)}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.title}>
              <th scope="row">
                <bdi>{row.title}</bdi>
              </th>
              {[row.here, row.there].map((part, place) => (
                <td class="number" key={place}>
                  {part ? (
                    <>
                      <b>
                        {number(part.areas.roc_auc)} / {number(part.areas.average_precision)}
                      </b>
                      <small>{count(part.rows)} rows</small>
                    </>
                  ) : (
                    '–'
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
