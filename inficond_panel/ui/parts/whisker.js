// An interval of a change: a line with a dot, hollow where 0 lies in it, and a tick at 0.

import { s } from "../elements.js"

export const WHISKER = 14 // its height

/** Parts of a whisker; `place` converts points to percent of its width. Empty until the interval is
    computed. */
export function whiskerOf(change, place, kind = "") {
  if (!change?.at.length) return []
  const [zero, low, middle, high] = [0, ...change.at].map((points) => `${place(points).toFixed(2)}%`)
  return [
    s("line", { class: "zero", x1: zero, x2: zero, y1: 0, y2: WHISKER }),
    s("line", { class: `range ${kind}`, x1: low, x2: high, y1: 7, y2: 7 }),
    s("circle", { class: change.noise ? "dot hollow" : "dot", cx: middle, cy: 7, r: 3.5 }),
  ]
}

/** `place` on an axis from low to high, in points. */
export const axisOf =
  ([low, high]) =>
  (points) =>
    (100 * (points - low)) / (high - low)

/** The text of a change: `+10.4 points [−1.0, +21.9], within noise`. */
export const toldOf = (change) =>
  `${[change.text, change.interval].filter(Boolean).join(" ")}${change.noise ? ", within noise" : ""}`
