// Sorts of the performance view, and the four fills of its bars.

import { FILL_NAMES, fixed, points } from "../../ui/numbers.js"
import { CLASS_SORTS } from "../../ui/vocabulary.js"

/** Sorts by key, each with what it shows of a row. */
export const SORTS = Object.fromEntries(
  CLASS_SORTS.map((sort) => [
    sort.key,
    { ...sort, show: (row) => (sort.points ? points(row[sort.key]) : fixed(row[sort.key], 3)) },
  ]),
)
/** Fill, name, and a brief name for a legend in little room. */
export const FILLS = Object.entries(FILL_NAMES)
  .filter(([fill]) => fill)
  .map(([fill, name]) => [fill, name, name.replace(/(.+) right, .+/, "only $1 right")])

export const sum = (counts) => counts.reduce((a, b) => a + b, 0)

/** The fill at a share of a bar's width. */
export function partAt(counts, share) {
  const place = share * sum(counts)
  const at = counts.findIndex((_, index) => place < sum(counts.slice(0, index + 1)))
  return FILLS[at < 0 ? counts.findLastIndex(Boolean) : at][0]
}
