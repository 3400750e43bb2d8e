/** Scores a table: it is sent as it is, and the answer is read as it arrives. */

import { modelPath, withQuery } from '../service/paths'
import { send } from '../service/request'
import { CsvReader } from './csv'

export const KEPT_ROWS = 20_000 // shown in the table; the download has all

export interface Scored {
  header: string[]
  rows: string[][]
  /** Number of all rows, and of those that are marked with an error. */
  count: number
  wrong: number
  /** Rows by label. */
  labels: Record<string, number>
  answer: Blob | null
}

export async function score(
  model: string,
  file: File,
  threshold: number | undefined,
  signal: AbortSignal,
  onProgress: (scored: Scored) => void,
): Promise<Scored> {
  const response = await send(withQuery(modelPath(model, '/predict'), { on_error: 'mark', threshold }), {
    method: 'POST',
    headers: { 'Content-Type': file.name.toLowerCase().endsWith('.tsv') ? 'text/tab-separated-values' : 'text/csv', Accept: 'text/csv' },
    body: file,
    signal,
  })
  const scored: Scored = { header: [], rows: [], count: 0, wrong: 0, labels: {}, answer: null }
  const csv = new CsvReader()
  const chunks: Uint8Array<ArrayBuffer>[] = []
  const decoder = new TextDecoder()
  const add = (rows: string[][]) => {
    for (const row of rows) {
      if (!scored.header.length) {
        scored.header = row
        continue
      }
      scored.count++
      const error = row[scored.header.indexOf('error')]
      const label = row[scored.header.indexOf('label')]
      if (error) scored.wrong++
      else if (label !== undefined) scored.labels[label] = (scored.labels[label] ?? 0) + 1
      if (scored.rows.length < KEPT_ROWS) scored.rows.push(row)
    }
  }
  const reader = response.body?.getReader()
  for (;;) {
    const part = await reader?.read()
    if (!part || part.done) break
    chunks.push(part.value as Uint8Array<ArrayBuffer>)
    add(csv.read(decoder.decode(part.value, { stream: true })))
    onProgress({ ...scored })
  }
  add(csv.end())
  return { ...scored, answer: new Blob(chunks, { type: 'text/csv' }) }
}
