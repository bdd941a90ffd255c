// An influence set by hand: places on the bar and on the chart as values, and the steps of keys.

/** Steps of a scale of this width: a power of ten, 100 to 1,000 of them. @param {number} width */
export const stepOf = (width) => 10 ** Math.floor(Math.log10(width / 100))

/** The value on the grid of steps, without digits behind it and without a sign of 0.
    @param {number} value @param {number} step */
export function rounded(value, step) {
  const digits = Math.max(0, -Math.round(Math.log10(step)))
  return Number((Math.round(value / step) * step).toFixed(digits)) + 0
}

/** The value at a part (0 to 1) of the range, on its grid and within it.
    @param {number} part @param {[number, number]} range */
export function valueAtPart(part, [low, high]) {
  return within(rounded(low + part * (high - low), stepOf(high - low)), [low, high])
}

/** @param {number} value @param {[number, number]} range */
export const within = (value, [low, high]) => Math.max(low, Math.min(high, value))

/** The direction of a bound at the value, as seen from the influence now; null at it.
    @param {number} value @param {number} influence */
export const directionTo = (value, influence) =>
  value === influence ? null : value > influence ? "up" : "down"

const STEPS = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 }

/** Where a key moves the value to; undefined for a key that moves nothing.
    @param {string} key @param {boolean} far @param {number} value @param {[number, number]} range */
export function valueAfter(key, far, value, range) {
  const step = stepOf(range[1] - range[0])
  if (key === "Home") return range[0]
  if (key === "End") return range[1]
  if (!(key in STEPS)) return undefined
  return within(rounded(value + STEPS[key] * (far ? 10 : 1) * step, step), range)
}
