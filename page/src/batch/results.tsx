/** The scored rows: filters, and a page of the table. */

import { useState } from 'preact/hooks'
import { count } from '../format'
import { KEPT_ROWS, type Scored } from './score'

const PAGE_ROWS = 100

export function Results({ scored }: { scored: Scored }) {
  const [label, setLabel] = useState('')
  const [text, setText] = useState('')
  const [page, setPage] = useState(0)
  const labelColumn = scored.header.indexOf('label')
  const errorColumn = scored.header.indexOf('error')
  const filter = (change: () => void) => {
    change()
    setPage(0)
  }
  const wanted = text.trim().toLowerCase()
  const rows = scored.rows
    .map((row, place) => ({ row, number: place + 1 }))
    .filter(({ row }) => {
      if (label === 'error:' && !row[errorColumn]) return false
      if (label && label !== 'error:' && (row[labelColumn] !== label || row[errorColumn])) return false
      return !wanted || row.some((cell) => cell.toLowerCase().includes(wanted))
    })
  const pages = Math.max(1, Math.ceil(rows.length / PAGE_ROWS))
  const current = Math.min(page, pages - 1)
  return (
    <>
      <p class="actions filters">
        <label>
          Rows{' '}
          <select value={label} onChange={(event) => filter(() => setLabel(event.currentTarget.value))}>
            <option value="">all ({count(scored.count)})</option>
            {Object.entries(scored.labels).map(([name, rows]) => (
              <option key={name} value={name}>
                {name} ({count(rows)})
              </option>
            ))}
            {scored.wrong > 0 && <option value="error:">with an error ({count(scored.wrong)})</option>}
          </select>
        </label>
        <label>
          that contain <input type="search" value={text} onInput={(event) => filter(() => setText(event.currentTarget.value))} />
        </label>
      </p>
      <div class="scrolled" tabIndex={0} role="region" aria-label="Scored rows">
        <table class="rows">
          <caption class="hidden">Scored rows</caption>
          <thead>
            <tr>
              <th scope="col">row</th>
              {scored.header.map((name) => (
                <th scope="col" key={name}>
                  <bdi>{name}</bdi>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.slice(current * PAGE_ROWS, (current + 1) * PAGE_ROWS).map(({ row, number }) => (
              <tr key={number} class={row[errorColumn] ? 'wrong' : ''}>
                <th scope="row">{count(number)}</th>
                {row.map((cell, place) => (
                  <td key={place}>
                    <bdi>{cell}</bdi>
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="actions">
        <button type="button" disabled={current === 0} onClick={() => setPage(current - 1)}>
          Previous
        </button>
        <span>
          page {current + 1} of {pages}
        </span>
        <button type="button" disabled={current >= pages - 1} onClick={() => setPage(current + 1)}>
          Next
        </button>
      </p>
      {scored.count > KEPT_ROWS && (
        <p class="muted">The table shows the first {count(KEPT_ROWS)} rows; the download has all of them.</p>
      )}
    </>
  )
}
