/** Figures of models without a threshold: of classes, and of numbers. */

import { count, number, percent, words } from '../format'
import { ClassMatrix, MAX_CLASSES } from '../parts/class-matrix'
import type { PartMetrics } from '../service/types'
import { partMeaning, partTitle } from './parts'

export function ClassFigures({ parts, classes }: { parts: [string, PartMetrics][]; classes: string[] }) {
  return (
    <>
      {parts.map(([name, part]) => (
        <section key={name}>
          <h2>{partTitle(name)}</h2>
          <p class="muted">{partMeaning(name)}</p>
          <p>
            Accuracy <b>{percent(part.accuracy as number | null)}</b>, macro F1 <b>{number(part.macro_f1 as number | null, 3)}</b>,{' '}
            {count(part.rows)} rows
          </p>
          {classes.length <= MAX_CLASSES && (
            <ClassMatrix
              matrix={part.confusion_matrix as number[][]}
              classes={classes}
              caption="Rows by true class (down) and predicted class (across)"
              sensitivity={(name) => part.classes?.[name]?.sensitivity}
              label={`Confusion matrix of the ${partTitle(name)}`}
            />
          )}
        </section>
      ))}
    </>
  )
}

export function NumberFigures({ parts, unit }: { parts: [string, PartMetrics][]; unit: string | null }) {
  const outputs = Object.keys(parts[0]?.[1].outputs ?? {})
  const suffix = unit ? ` ${unit}` : ''
  return (
    <>
      {outputs.map((output) => (
        <section key={output}>
          <h2>
            <bdi>{words(output)}</bdi>
          </h2>
          <div class="scrolled" tabIndex={0} role="region" aria-label={`Errors of ${output}`}>
            <table class="figures">
              <caption class="hidden">Errors</caption>
              <thead>
                <tr>
                  <td />
                  {parts.map(([name]) => (
                    <th scope="col" key={name}>
                      {partTitle(name)}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {Object.keys(parts[0]?.[1].outputs?.[output] ?? {}).map((figure) => (
                  <tr key={figure}>
                    <th scope="row">{words(figure)}</th>
                    {parts.map(([name, part]) => (
                      <td class="number" key={name}>
                        <b>
                          {number(part.outputs?.[output]?.[figure])}
                          {figure !== 'r_squared' && suffix}
                        </b>
                      </td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </section>
      ))}
    </>
  )
}
