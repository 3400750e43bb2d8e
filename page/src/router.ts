/** Views by the hash of the address: #/VIEW/MODEL. No value of a row is ever in it. */

import { useEffect, useState } from 'preact/hooks'

export const VIEWS = ['calculator', 'performance', 'model', 'batch', 'live'] as const
export type View = (typeof VIEWS)[number]

export interface Route {
  view: View
  model: string | null
}

export function parseHash(hash: string): Route {
  const [view, model] = hash.replace(/^#\/?/, '').split('/')
  const known = VIEWS.find((each) => each === view) ?? 'calculator'
  try {
    return { view: known, model: model ? decodeURIComponent(model) : null }
  } catch {
    return { view: known, model: null }
  }
}

export function hashOf(view: View, model: string): string {
  return `#/${view}/${encodeURIComponent(model)}`
}

export function useRoute(): Route {
  const [route, setRoute] = useState(parseHash(location.hash))
  useEffect(() => {
    const change = () => setRoute(parseHash(location.hash))
    addEventListener('hashchange', change)
    return () => removeEventListener('hashchange', change)
  }, [])
  return route
}
