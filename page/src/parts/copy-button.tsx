/** A button that copies a text, and says that it has. */

import { useState } from 'preact/hooks'

export function CopyButton({ label, text }: { label: string; text: () => string }) {
  const [state, setState] = useState('')
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text())
      setState('copied')
    } catch {
      setState('not permitted')
    }
    setTimeout(() => setState(''), 2000)
  }
  return (
    <button type="button" onClick={copy}>
      {label}
      <span role="status">{state && ` – ${state}`}</span>
    </button>
  )
}
