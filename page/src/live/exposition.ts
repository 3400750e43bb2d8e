/** Latencies from the metrics that the service exposes for Prometheus. */

export interface Latency {
  requests: number
  /** Seconds; null where no request was answered. */
  median: number | null
  p99: number | null
}

const BUCKET = /^malignancy_request_duration_seconds_bucket\{([^}]*)\} (\S+)$/
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g

/** Reads the buckets of the predictions of all routes, since the service started. */
export function latencyOf(exposition: string): Latency {
  const counts = new Map<number, number>()
  for (const line of exposition.split('\n')) {
    const found = BUCKET.exec(line)
    if (!found) continue
    const labels = Object.fromEntries([...(found[1] ?? '').matchAll(LABEL)].map(([, name, value]) => [name, value]))
    if (!labels.route?.endsWith('predict')) continue
    const end = labels.le === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels.le)
    counts.set(end, (counts.get(end) ?? 0) + Number(found[2]))
  }
  const buckets = [...counts].toSorted(([a], [b]) => a - b)
  const requests = buckets.at(-1)?.[1] ?? 0
  return { requests, median: quantile(buckets, requests, 0.5), p99: quantile(buckets, requests, 0.99) }
}

/** The upper end of the bucket that holds a quantile. */
function quantile(buckets: [number, number][], requests: number, share: number): number | null {
  if (!requests) return null
  return buckets.find(([, count]) => count >= share * requests)?.[0] ?? null
}
