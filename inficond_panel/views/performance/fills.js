// Sorts of the performance view, and the four fills of its bars.

import { fixed, points } from "../../ui/base.js"
import { METRICS } from "../../ui/vocabulary.js"

export const SORTS = {
  gap: { name: "AP gap", head: ["Gap, pp", "Gap"], show: (row) => points(row.gap), descending: true },
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
