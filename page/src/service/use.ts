/** Hooks that read from the service. */

import { useEffect, useState } from 'preact/hooks'
import { onConnection, connection, type Connection } from './connection'
import { getJson, isAborted } from './request'

export interface Loaded<T> {
  data: T | null
  error: Error | null
}

/** Reads a path; again when the path changes, and keeps the last data until then. */
export function useJson<T>(path: string | null, again = 0): Loaded<T> {
  const [state, setState] = useState<Loaded<T>>({ data: null, error: null })
  useEffect(() => {
    if (path === null) return
    const abort = new AbortController()
    getJson<T>(path, abort.signal).then(
      (data) => setState({ data, error: null }),
      (error: unknown) => {
        if (!isAborted(error)) setState({ data: null, error: error as Error })
      },
    )
    return () => abort.abort()
  }, [path, again])
  return state
}

export function useConnection(): Connection {
  const [state, setState] = useState(connection())
  useEffect(() => onConnection(setState), [])
  return state
}
