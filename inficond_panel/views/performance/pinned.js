// What the pinned iteration has in a class: below the name its metric and the change since, and a
// mark on the student's ring.

import { drawOnce, fixed, h, isNumber, points, s, set } from "../../ui/base.js"

/** `[pinned, in view − pinned]` of a class and a metric; null where nothing is pinned. */
export const pairOf = ({ pinned }, name, metric) => pinned.values?.[name]?.[metric] ?? null

/** A class whose metric has not moved, or has no value, stays as it is. */
export function drawName(element, name, pair) {
  const told = () => h("span", { class: "then num" }, h("span", { class: "in-full" }, `${fixed(pair[0], 3)} `), points(pair[1]))
  drawOnce(element, JSON.stringify([name, pair]), () => (pair?.[1] ? [name, told()] : [name]))
}

export function drawHead(element, { number }, metric) {
  drawOnce(element, JSON.stringify([number, metric]), () => ["Class", ...(number ? [h("span", { class: "then num" }, h("span", { class: "in-simple" }, `${metric} `), `against ${number}`)] : [])])
}

export function spokenPair(name, [then, change], { number }) {
  if (!isNumber(change)) return `${name} undefined at ${number}`
  return `${name} ${Number(then.toFixed(3))} at ${number}, ${change === 0 ? "unchanged" : `now ${points(change)} points`}`
}

export const makeMark = () => s("rect", { class: "pinned in-full", x: 14, y: 0, width: 2, height: 6.5 })

/** The mark at the pinned value, where that is another one. */
export function placeMark(mark, pair) {
  const shown = Boolean(pair?.[1])
  set(mark, "display", shown ? null : "none")
  if (shown) set(mark, "transform", `rotate(${(360 * pair[0]).toFixed(2)} 15 15)`)
}
