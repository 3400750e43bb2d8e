/** Whether the service answers, for the banner at the top of the page. */

export type Connection =
  | { is: 'open' }
  | { is: 'busy'; seconds: number }
  | { is: 'lost' }
  | { is: 'locked'; message: string }

type Listener = (connection: Connection) => void

let current: Connection = { is: 'open' }
const listeners = new Set<Listener>()

export function connection(): Connection {
  return current
}

export function setConnection(next: Connection): void {
  if (next.is === 'open' && current.is === 'open') return
  current = next
  for (const listener of listeners) listener(next)
}

export function onConnection(listener: Listener): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
