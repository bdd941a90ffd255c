// A change of AP: its value, its interval, and the axis that changes share.

import { h, s, text } from "../../../ui/elements.js"
import { signed } from "../../../ui/numbers.js"
import { WHISKER, axisOf, whiskerOf } from "../../../ui/parts/whisker.js"
import { POINTS } from "../../../ui/vocabulary.js"

/** One change: value, and a badge where 0 lies in its interval, which in details stands beside it. */
export function changeRow(name, detailed, kind = "") {
  const value = h("span", { class: "change num" })
  const range = detailed && h("span", { class: "range-text num" })
  const whisker = detailed && s("svg", { class: "whisker", height: WHISKER, "aria-hidden": "true" })
  const badge = h("span", { class: "noise" }, h("span", { class: "badge" }, "within noise"))
  const element = h(
    "span",
    { class: "one" },
    h("span", { class: "what" }, name),
    value,
    range,
    whisker,
    badge,
  )
  const draw = (change, scale, none) => {
    text(value, change?.text ?? "–")
    badge.firstChild.hidden = !change?.noise
    element.hidden = !detailed && !change
    if (!detailed) return
    text(range, change ? change.interval : none)
    whisker.replaceChildren(...whiskerOf(change, scale.place, kind))
  }
  return { element, draw }
}

/** The axis that both changes share: 0 is on it, ticks are round numbers of points, with room for their
    labels. */
export function changeScale(changes, pixels) {
  const values = changes.filter(Boolean).flatMap(({ at }) => at)
  if (!values.length) return { place: () => 50, ticks: [] }
  const low = Math.min(0, ...values)
  const high = Math.max(0, ...values)
  const pad = Math.max(0.1, high - low) * 0.1
  const [from, width] = [low - pad, high - low + 2 * pad]
  const step =
    [0.1, 0.2, 0.5, 1, 2, 3, 5, 10, 20, 50].find((size) => width / size <= Math.min(3.6, pixels / 48)) ?? 100
  const first = Math.ceil(from / step)
  const ticks = Array.from(
    { length: Math.floor((from + width) / step) - first + 1 },
    (_, index) => (first + index) * step,
  )
  return { place: axisOf([from, from + width]), ticks }
}

export function drawAxis(svg, { place, ticks }) {
  const digits = ticks.some((tick) => Math.abs(tick - Math.round(tick)) > 1e-9) ? 1 : 0
  const label = (tick, index) =>
    `${Math.abs(tick) < 1e-9 ? "0" : signed(tick, digits)}${index === ticks.length - 1 ? ` ${POINTS}` : ""}`
  svg.replaceChildren(
    ...ticks.map((tick, index) =>
      s("text", { x: `${place(tick).toFixed(2)}%`, y: 10, "text-anchor": "middle" }, label(tick, index)),
    ),
  )
}
