/** Batch: a table of rows, scored by the service; nothing of it is kept. */

import { useEffect, useRef, useState } from 'preact/hooks'
import { count, percent } from '../format'
import { isAborted } from '../service/request'
import type { Description } from '../service/types'
import { hasThreshold } from '../targets'
import { ThresholdField } from '../calculator/threshold-field'
import { Results } from './results'
import { score, type Scored } from './score'

export function Batch({ model }: { model: Description }) {
  const [threshold, setThreshold] = useState(model.threshold)
  const [file, setFile] = useState<File | null>(null)
  const [scored, setScored] = useState<Scored | null>(null)
  const [error, setError] = useState('')
  const [isOver, setIsOver] = useState(false)
  const abort = useRef<AbortController | null>(null)
  const canThreshold = hasThreshold(model.schema.target)
  useEffect(() => () => abort.current?.abort(), [])

  useEffect(() => {
    if (!file) return
    abort.current?.abort()
    abort.current = new AbortController()
    setScored(null)
    setError('')
    score(model.name, file, canThreshold ? threshold : undefined, abort.current.signal, setScored).then(
      setScored,
      (problem: unknown) => {
        if (!isAborted(problem)) setError((problem as Error).message)
      },
    )
  }, [file, threshold])

  const drop = (event: DragEvent) => {
    event.preventDefault()
    setIsOver(false)
    const [dropped] = event.dataTransfer?.files ?? []
    if (dropped) setFile(dropped)
  }
  return (
    <div class="batch">
      {canThreshold && threshold !== undefined && (
        <ThresholdField model={model} threshold={threshold} onThreshold={setThreshold} />
      )}
      <div
        class={`drop${isOver ? ' over' : ''}`}
        onDragOver={(event) => {
          event.preventDefault()
          setIsOver(true)
        }}
        onDragLeave={() => setIsOver(false)}
        onDrop={drop}
      >
        <label>
          <b>Drop a CSV file here, or choose one</b>
          <input
            type="file"
            accept=".csv,.tsv,text/csv"
            onChange={(event) => {
              const [chosen] = event.currentTarget.files ?? []
              if (chosen) setFile(chosen)
            }}
          />
        </label>
        <p class="muted">
          With a header of the features' names, in any order. It is sent to this service only, and neither
          the service nor the browser keeps it. <Template model={model} />
        </p>
      </div>
      {error && (
        <p class="notice error" role="alert">
          {error}
        </p>
      )}
      {file && !scored && !error && <p role="status">Scoring {file.name} …</p>}
      {scored && (
        <>
          <p role="status" data-testid="scored">
            <b>{count(scored.count)}</b> rows{scored.answer ? '' : ' so far'}
            {Object.entries(scored.labels).map(([label, rows]) => (
              <span key={label}>
                , {count(rows)} <bdi>{label}</bdi> ({percent(rows / scored.count)})
              </span>
            ))}
            {scored.wrong > 0 && (
              <span class="error">
                , {count(scored.wrong)} with an error
              </span>
            )}
          </p>
          {scored.answer && file && <Download answer={scored.answer} name={file.name} />}
          <Results scored={scored} />
        </>
      )}
    </div>
  )
}

function Download({ answer, name }: { answer: Blob; name: string }) {
  const [url, setUrl] = useState('')
  useEffect(() => {
    const made = URL.createObjectURL(answer)
    setUrl(made)
    return () => URL.revokeObjectURL(made)
  }, [answer])
  return (
    <p class="actions">
      <a class="button main" href={url} download={name.replace(/(\.[a-z]+)?$/i, '.scored.csv')}>
        Download the answer
      </a>
    </p>
  )
}

/** A table with the header and one typical row, to fill in. */
function Template({ model }: { model: Description }) {
  const quoted = (cell: string) => (/[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)
  const names = model.schema.features.map(({ name }) => name)
  const typical = names.map((name) => String(model.inputs?.typical[name] ?? ''))
  const text = [names, typical].map((line) => line.map(quoted).join(',')).join('\n')
  const [url, setUrl] = useState('')
  useEffect(() => {
    const made = URL.createObjectURL(new Blob([`${text}\n`], { type: 'text/csv' }))
    setUrl(made)
    return () => URL.revokeObjectURL(made)
  }, [text])
  return (
    <a href={url} download={`${model.name}.csv`}>
      Download a template
    </a>
  )
}
