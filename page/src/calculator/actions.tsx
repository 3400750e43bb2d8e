/** Examples, pasting, copying, printing. */

import { useRef, useState } from 'preact/hooks'
import { CopyButton } from '../parts/copy-button'
import type { Description, Row } from '../service/types'
import { asCurl, asPython } from './code'
import { parseRow } from './paste'

interface Props {
  model: Description
  row: Row
  threshold: number | undefined
  onRow: (row: Row) => void
}

export function Examples({ model, onRow }: Pick<Props, 'model' | 'onRow'>) {
  const examples = model.inputs?.examples ?? []
  return (
    <p class="actions">
      {examples.length > 0 && <span class="muted">Typical:</span>}
      {examples.slice(0, 10).map(({ label, values }) => (
        <button type="button" key={label} onClick={() => onRow(values)}>
          <bdi>{label}</bdi>
        </button>
      ))}
      <button type="button" onClick={() => onRow(model.inputs?.typical ?? {})}>
        Reset
      </button>
      <Paste model={model} onRow={onRow} />
    </p>
  )
}

export function Actions({ model, row, threshold }: Omit<Props, 'onRow'>) {
  return (
    <p class="actions">
      <CopyButton label="Copy as curl" text={() => asCurl(model.name, row, threshold)} />
      <CopyButton label="Copy as Python" text={() => asPython(model.name, row, threshold)} />
      <button type="button" onClick={() => print()}>
        Print
      </button>
    </p>
  )
}

function Paste({ model, onRow }: Pick<Props, 'model' | 'onRow'>) {
  const dialog = useRef<HTMLDialogElement>(null)
  const [text, setText] = useState('')
  const [error, setError] = useState('')
  const use = () => {
    try {
      onRow(parseRow(text, model.schema.features))
      close()
    } catch (problem) {
      setError((problem as Error).message)
    }
  }
  const close = () => {
    dialog.current?.close()
    setText('')
    setError('')
  }
  return (
    <>
      <button type="button" onClick={() => dialog.current?.showModal()}>
        Paste a row
      </button>
      <dialog ref={dialog} onClose={close} aria-label="Paste a row">
        <label>
          A row: JSON, a header and a line of a table, or {model.schema.features.length} values in order
          <textarea rows={6} value={text} onInput={(event) => setText(event.currentTarget.value)} />
        </label>
        {error && (
          <p class="error" role="alert">
            {error}
          </p>
        )}
        <p class="actions">
          <button type="button" class="main" onClick={use}>
            Use it
          </button>
          <button type="button" onClick={close}>
            Cancel
          </button>
        </p>
      </dialog>
    </>
  )
}
