/** The entered row as a request of a program. */

import { modelPath, withQuery } from '../service/paths'
import { address } from '../service/request'
import type { Row } from '../service/types'
import { apiKey } from '../service/key'

export function asCurl(model: string, row: Row, threshold: number | undefined): string {
  const url = address(withQuery(modelPath(model, '/predict'), { threshold })).href
  const key = apiKey.get() ? ` \\\n  -H "X-API-Key: $MALIGNANCY_API_KEY"` : ''
  const body = JSON.stringify(row).replaceAll("'", "'\\''")
  return `curl -s '${url}' \\\n  -H 'Content-Type: application/json'${key} \\\n  -d '${body}'\n`
}

export function asPython(model: string, row: Row, threshold: number | undefined): string {
  const url = address(modelPath(model, '/predict')).href
  const literals = { true: 'True', false: 'False', null: 'None' }
  const value = (each: unknown) =>
    typeof each === 'string' ? JSON.stringify(each) : (literals[String(each) as 'true'] ?? String(each))
  const lines = Object.entries(row).map(([name, each]) => `    ${JSON.stringify(name)}: ${value(each)},`)
  const key = apiKey.get() ? ', headers={"X-API-Key": os.environ["MALIGNANCY_API_KEY"]}' : ''
  const params = threshold === undefined ? '' : `, params={"threshold": ${threshold}}`
  return [
    ...(key ? ['import os', ''] : []),
    'import httpx',
    '',
    'row = {',
    ...lines,
    '}',
    `answer = httpx.post(${JSON.stringify(url)}, json=row${params}${key})`,
    'answer.raise_for_status()',
    'print(answer.json())',
    '',
  ].join('\n')
}
