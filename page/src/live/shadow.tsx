/** A shadow version beside the versions that answered, for the same rows. */

import { useState } from 'preact/hooks'
import { count, number, percent, range, signed, words } from '../format'
import { modelPath, withQuery } from '../service/paths'
import type { Comparison } from '../service/types'
import { useJson } from '../service/use'

export function Shadow({ model }: { model: string }) {
  const [text, setText] = useState('')
  const [version, setVersion] = useState('')
  const path = version ? withQuery(modelPath(model, '/compare'), { with: version }) : null
  const { data, error } = useJson<Comparison>(path)
  return (
    <section>
      <h2>Shadow version</h2>
      <form
        class="actions"
        onSubmit={(event) => {
          event.preventDefault()
          setVersion(text.trim())
        }}
      >
        <label>
          First 12 digits of the version{' '}
          <input type="text" required minLength={12} autocomplete="off" value={text} onInput={(event) => setText(event.currentTarget.value)} />
        </label>
        <button type="submit">Compare</button>
      </form>
      {error && <p class="notice">{error.message}</p>}
      {data && <Figures comparison={data} />}
    </section>
  )
}

function Figures({ comparison }: { comparison: Comparison }) {
  const { rows, agreement, difference, truth } = comparison
  return (
    <>
      <p>
        <b>{count(rows)}</b> rows
        {agreement && (
          <>
            , the same label for {percent(agreement.share)} ({range(agreement.interval)})
          </>
        )}
        .
      </p>
      <ul class="plain">
        {agreement?.changes?.map((change) => (
          <li key={`${change.from} ${change.to}`}>
            {count(change.rows)} from “<bdi>{change.from}</bdi>” to “<bdi>{change.to}</bdi>”
          </li>
        ))}
        {Object.entries(difference).map(([output, { mean, mean_absolute, largest }]) => (
          <li key={output}>
            <bdi>{words(output)}</bdi>: mean difference {signed(mean)}, mean absolute {number(mean_absolute, 3)}, largest{' '}
            {number(largest, 3)}
          </li>
        ))}
      </ul>
      {truth.figures && (
        <div class="scrolled spaced" tabIndex={0} role="region" aria-label="Both versions where the truth is known">
          <table class="figures">
            <caption>Of {count(truth.rows)} rows with truth; differences with 95 % intervals</caption>
            <thead>
              <tr>
                <td />
                <th scope="col">answered</th>
                <th scope="col">shadow</th>
                <th scope="col">difference</th>
              </tr>
            </thead>
            <tbody>
              {Object.entries(truth.figures).map(([name, figure]) => (
                <tr key={name}>
                  <th scope="row">{words(name)}</th>
                  <td class="number">{number(figure.first)}</td>
                  <td class="number">{number(figure.second)}</td>
                  <td class="number">
                    <b>{signed(figure.difference)}</b>
                    <small>{figure.interval && `${signed(figure.interval[0])} to ${signed(figure.interval[1])}`}</small>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  )
}
