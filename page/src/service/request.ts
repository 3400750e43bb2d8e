/** Requests to the service that this page comes from, at addresses relative to the page. */

import { setConnection } from './connection'
import { apiKey } from './key'
import type { Problem } from './types'

const LONGEST_WAIT_SECONDS = 30
const LOST_WAIT_SECONDS = 3

export class ServiceError extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem,
  ) {
    const rules = problem.errors?.map(({ field, rule }) => `${field} ${rule}`).join('; ')
    super(rules || (problem.detail ?? problem.title ?? `The service answered with status ${status}.`))
  }
}

export function address(path: string): URL {
  return new URL(path, new URL('.', document.baseURI))
}

/**
 * Sends a request until it is answered: again after Retry-After when the service is busy, and every
 * few seconds when it cannot be reached. Nothing here changes the service, so repeating is safe.
 */
export async function send(path: string, options: RequestInit = {}): Promise<Response> {
  const headers = new Headers(options.headers)
  const key = apiKey.get()
  if (key) headers.set('X-API-Key', key)
  for (;;) {
    const answer = await fetch(address(path), { credentials: 'same-origin', ...options, headers }).catch(
      (error: unknown) => {
        if (options.signal?.aborted) throw error
        return null
      },
    )
    if (answer === null) {
      setConnection({ is: 'lost' })
      await wait(LOST_WAIT_SECONDS, options.signal)
    } else if (answer.status === 503) {
      const seconds = Math.min(Number(answer.headers.get('Retry-After')) || 1, LONGEST_WAIT_SECONDS)
      setConnection({ is: 'busy', seconds })
      await wait(seconds, options.signal)
    } else if (answer.status === 401) {
      const error = await failure(answer)
      setConnection({ is: 'locked', message: error.message })
      throw error
    } else {
      setConnection({ is: 'open' })
      if (!answer.ok) throw await failure(answer)
      return answer
    }
  }
}

export async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  const answer = await send(path, { headers: { Accept: 'application/json' }, signal: signal ?? null })
  return (await answer.json()) as T
}

export async function postJson<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const answer = await send(path, {
    method: 'POST',
    headers: { Accept: 'application/json', 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
    signal: signal ?? null,
  })
  return (await answer.json()) as T
}

export function isAborted(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError'
}

async function failure(answer: Response): Promise<ServiceError> {
  const problem = (await answer.json().catch(() => ({}))) as Problem
  return new ServiceError(answer.status, problem)
}

function wait(seconds: number, signal?: AbortSignal | null): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = setTimeout(resolve, 1000 * seconds)
    signal?.addEventListener('abort', () => {
      clearTimeout(end)
      reject(new DOMException('aborted', 'AbortError'))
    })
  })
}
