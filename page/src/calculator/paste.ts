/** A pasted row: a JSON object or array, a header and a line of a table, or values in order. */

import type { Feature, Row, Value } from '../service/types'

const MISSING = new Set(['', 'na', 'n/a', 'nan', 'null', 'none', '?'])
const TRUE = new Set(['true', 'yes', '1'])
const FALSE = new Set(['false', 'no', '0'])

/**
 * Reads the values of a pasted row.
 *
 * @throws Error that says what is wrong with the text.
 */
export function parseRow(text: string, features: readonly Feature[]): Row {
  const trimmed = text.trim()
  if (!trimmed) throw new Error('The text is empty.')
  if (trimmed.startsWith('{') || trimmed.startsWith('[')) return fromJson(trimmed, features)
  const [first = [], second] = trimmed.split(/\r?\n/).map((line) => cellsOf(line))
  const names = features.map((feature) => feature.name)
  if (!second) return fromCells(first, names, features)
  if (!first.some((cell) => names.includes(cell))) throw new Error('The first line has no name of a feature.')
  return fromCells(second, first, features)
}

function fromJson(text: string, features: readonly Feature[]): Row {
  let data: unknown
  try {
    data = JSON.parse(text)
  } catch {
    throw new Error('The text is not valid JSON.')
  }
  if (isObject(data) && Array.isArray(data.instances)) data = data.instances[0]
  if (Array.isArray(data) && isObject(data[0])) data = data[0]
  if (Array.isArray(data)) return fromCells(data.map((each) => (each === null ? '' : String(each))), features.map((each) => each.name), features)
  if (!isObject(data)) throw new Error('The JSON is neither an object nor an array.')
  const row = data
  return Object.fromEntries(features.filter(({ name }) => name in row).map(({ name }) => [name, row[name] as Value]))
}

function fromCells(cells: string[], names: string[], features: readonly Feature[]): Row {
  if (cells.length !== names.length) {
    throw new Error(`There are ${cells.length} values for ${names.length} features.`)
  }
  const known = features.filter((feature) => names.includes(feature.name))
  return Object.fromEntries(known.map((feature) => [feature.name, valueOf(cells[names.indexOf(feature.name)] ?? '', feature)]))
}

function valueOf(cell: string, feature: Feature): Value | undefined {
  const isCategory = feature.categories.includes(cell)
  if (MISSING.has(cell.toLowerCase()) && !isCategory) return feature.may_be_missing ? null : undefined
  if (feature.type === 'category') return cell
  if (feature.type === 'boolean') {
    if (TRUE.has(cell.toLowerCase())) return true
    return FALSE.has(cell.toLowerCase()) ? false : undefined
  }
  const value = Number(cell)
  return Number.isFinite(value) ? value : undefined
}

/** The cells of a line between tabs, semicolons or commas, with quotes as in CSV. */
function cellsOf(line: string): string[] {
  const delimiter = ['\t', ';', ','].find((each) => line.includes(each)) ?? ','
  const cells: string[] = []
  let cell = ''
  let isQuoted = false
  for (let place = 0; place < line.length; place++) {
    const each = line[place]
    if (each === '"' && isQuoted && line[place + 1] === '"') {
      cell += '"'
      place++
    } else if (each === '"') isQuoted = !isQuoted
    else if (each === delimiter && !isQuoted) {
      cells.push(cell.trim())
      cell = ''
    } else cell += each
  }
  return [...cells, cell.trim()]
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
