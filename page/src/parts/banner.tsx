/** What the user must know about the connection and the version. */

import { useState } from 'preact/hooks'
import { setConnection } from '../service/connection'
import { apiKey } from '../service/key'
import { useConnection } from '../service/use'

interface Props {
  /** Title of a version that has come into service since the page was loaded. */
  newVersion: string | null
  onReload: () => void
}

export function Banner({ newVersion, onReload }: Props) {
  const connection = useConnection()
  return (
    <div role="status" class="banners">
      {connection.is === 'busy' && (
        <p class="banner">The service is busy. What you entered is kept; asking again in {connection.seconds} s.</p>
      )}
      {connection.is === 'lost' && (
        <p class="banner">The service cannot be reached. What you entered is kept; trying again.</p>
      )}
      {newVersion && (
        <p class="banner">
          A new version is in service: {newVersion}.{' '}
          <button type="button" onClick={onReload}>
            Load its facts
          </button>
        </p>
      )}
    </div>
  )
}

/** Asks for the key; it is kept until the tab is closed. */
export function KeyForm({ message, onKey }: { message: string; onKey: () => void }) {
  const [key, setKey] = useState('')
  return (
    <form
      class="key-form"
      onSubmit={(event) => {
        event.preventDefault()
        apiKey.set(key.trim())
        setConnection({ is: 'open' })
        onKey()
      }}
    >
      <h1>This service needs an API key</h1>
      <label>
        API key
        <input
          type="password"
          autocomplete="off"
          required
          value={key}
          onInput={(event) => setKey(event.currentTarget.value)}
        />
      </label>
      {apiKey.get() && <p class="error">{message}</p>}
      <p class="actions">
        <button class="main" type="submit">
          Continue
        </button>
      </p>
      <p class="muted">
        A key is an id, a point and a secret: <code>id.secret</code>. It is kept in this tab only, until you close it.
      </p>
    </form>
  )
}
