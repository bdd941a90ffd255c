// Sorts of the performance view, and the four fills of its bars.

import { fixed, points } from "../../ui/base.js"
import { GAP_METRIC, METRICS } from "../../ui/vocabulary.js"

/** Sort by the teacher's value of a metric less the student's; of AP it is `gap`. */
function gapSort([metric, { name, short }]) {
  const id = metric === GAP_METRIC ? "gap" : `${metric}_gap`
  const words = metric === GAP_METRIC ? `${short} gap` : `${name} gap`
  return [id, { name: words, head: ["Gap, pp", "Gap"], show: (row) => points(row[id]), descending: true, metric }]
}

export const SORTS = {
  ...Object.fromEntries(Object.entries(METRICS).map(gapSort)),
  ...Object.fromEntries(Object.entries(METRICS).map(([key, { name, column, short }]) =>
    [key, { name, head: [column, short], show: (row) => fixed(row[key], 3), descending: false }])),
}
export const FILLS = [
  ["both-right", "both right"],
  ["student-wrong", "teacher right, student wrong"],
  ["both-wrong", "both wrong"],
  ["teacher-wrong", "student right, teacher wrong"],
]

export const sum = (counts) => counts.reduce((a, b) => a + b, 0)

/** The fill at a share of a bar's width. */
export function partAt(counts, share) {
  const place = share * sum(counts)
  const at = counts.findIndex((_, index) => place < sum(counts.slice(0, index + 1)))
  return FILLS[at < 0 ? counts.findLastIndex(Boolean) : at][0]
}
