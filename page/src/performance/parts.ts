/** The parts of the data that figures are about. */

import type { Metrics, PartMetrics } from '../service/types'

const TITLES: Record<string, string> = {
  test: 'Test rows',
  validation: 'Validation rows',
  out_of_bag: 'Out-of-bag rows',
  train: 'Training rows',
}
const MEANINGS: Record<string, string> = {
  test: 'seen by no decision about the model',
  validation: 'not trained on',
  out_of_bag: 'training rows, each predicted by networks that were not trained on it',
  train: 'trained on: the figures are too good',
}

export function partTitle(name: string): string {
  return TITLES[name] ?? name
}

export function partMeaning(name: string): string {
  return MEANINGS[name] ?? ''
}

export function partsOf(metrics: Metrics): [string, PartMetrics][] {
  const all = metrics as unknown as Record<string, PartMetrics | undefined>
  return Object.keys(TITLES).flatMap((name) => {
    const part = all[name]
    return part ? [[name, part] as [string, PartMetrics]] : []
  })
}
