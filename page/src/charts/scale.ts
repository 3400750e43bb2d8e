/** Linear scales and their ticks. */

export type Domain = readonly [number, number]

/** Ticks at multiples of 1, 2 or 5 times a power of ten. */
export function ticksOf([low, high]: Domain, about = 5): number[] {
  const width = high - low
  if (!(width > 0) || !Number.isFinite(width)) return [low]
  const rough = width / about
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 5, 10].find((each) => each * power >= rough) ?? 10)
  const first = Math.ceil(low / step)
  const last = Math.floor(high / step + 1e-9)
  return Array.from({ length: last - first + 1 }, (_, place) => Number(((first + place) * step).toPrecision(12)))
}

/** A step for an input that has about 200 of them in a range. */
export function stepOf([low, high]: Domain): number {
  const rough = (high - low) / 200
  if (!(rough > 0) || !Number.isFinite(rough)) return 1
  const power = 10 ** Math.floor(Math.log10(rough))
  return Number((power * ([1, 2, 5, 10].find((each) => each * power >= rough) ?? 10)).toPrecision(3))
}

export function domainOf(values: readonly number[]): Domain {
  const low = Math.min(...values)
  const high = Math.max(...values)
  return low < high ? [low, high] : [low - 0.5, high + 0.5]
}
