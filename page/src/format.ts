/** Numbers as texts. */

import type { Feature, Value } from './service/types'

const SPACE = '\u202f' // narrow, without a line break

export function percent(share: number | null | undefined, digits = 1): string {
  if (share === null || share === undefined) return '–'
  const smallest = 10 ** -(digits + 2)
  if (share > 0 && share < smallest) return `<${SPACE}${percent(smallest, digits)}`
  if (share < 1 && share > 1 - smallest) return `>${SPACE}${percent(1 - smallest, digits)}`
  return `${(100 * share).toFixed(digits)}${SPACE}%`
}

/** A difference of shares in percentage points. */
export function points(difference: number): string {
  const shown = (100 * Math.abs(difference)).toFixed(1)
  if (Number(shown) === 0) return '0.0'
  return `${difference < 0 ? '−' : '+'}${shown}`
}

export function number(value: number | null | undefined, digits = 4): string {
  if (value === null || value === undefined) return '–'
  return value.toLocaleString('en', { maximumSignificantDigits: digits }).replace('-', '−')
}

export function signed(value: number, digits = 3): string {
  return value > 0 ? `+${number(value, digits)}` : number(value, digits)
}

export function count(value: number): string {
  return value.toLocaleString('en').replaceAll(',', SPACE)
}

/** A number of rows that may be a sum of probabilities: with one digit after the point if it is small. */
export function rowsOrPart(value: number): string {
  return count(Number(value.toFixed(value < 10 ? 1 : 0)))
}

export function range(ends: readonly [number, number] | null | undefined, digits = 1): string {
  if (!ends) return ''
  return `${percent(ends[0], digits)} – ${percent(ends[1], digits)}`
}

export function featureName(feature: Feature): string {
  return feature.label ?? words(feature.name)
}

/** A name of a program as words: clump_thickness becomes clump thickness. */
export function words(name: string): string {
  return name.includes(' ') ? name : name.replaceAll('_', ' ')
}

export function spelled(value: Value | undefined, feature?: Feature): string {
  if (value === null || value === undefined) return 'not known'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (typeof value === 'number') {
    const unit = feature?.unit ? ` ${feature.unit}` : ''
    return `${number(value, 6)}${unit}`
  }
  return value
}
