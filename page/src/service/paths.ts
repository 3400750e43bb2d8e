/** Addresses of a model. */

export function modelPath(model: string, rest = ''): string {
  return `models/${encodeURIComponent(model)}${rest}`
}

export function withQuery(path: string, query: Record<string, string | number | undefined>): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined)
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString()
  return text ? `${path}?${text}` : path
}
