// One row of the list of classes: name, value, two rings, and the room of two bars.

import { drawOnce, h, s, set, text } from "../../ui/elements.js"
import { isNumber, points, ring } from "../../ui/numbers.js"
import { GAP_METRIC, METRICS } from "../../ui/vocabulary.js"
import { FILLS, SORTS, sum } from "./fills.js"

export const SIDES = ["positives", "negatives"]
const TURN = 2 * Math.PI * 12.25

/** The metric of the rings: in simple views the metric of the gap, in details the metric of the sort. */
export const ringMetric = ({ sort, extent }) => (extent === "simple" ? GAP_METRIC : SORTS[sort].metric)

/** Key of the metric shown below the metric sorted by, if any. */
export const besideOf = (sort) => METRICS[sort]?.beside

/** A row that shows nothing yet. */
export function makeRow() {
  return h(
    "div",
    { class: "row", role: "option" },
    h("span", { class: "vh" }),
    h("span", { class: "name clip", "aria-hidden": "true" }),
    h("span", { class: "value num in-full", "aria-hidden": "true" }),
    makeRing("teacher"),
    makeRing("student"),
    h(
      "span",
      { class: "bars", "aria-hidden": "true" },
      SIDES.map((side) =>
        h(
          "span",
          { class: "side", "data-side": side },
          h("span", { class: "size" }, h("i")),
          h("span", { class: "bar" }),
        ),
      ),
    ),
    h("i", { class: "touch num", "aria-hidden": "true" }),
    h("i", { class: "lean", "aria-hidden": "true" }),
    h("i", { class: "unknown", "aria-hidden": "true" }, "?"),
  )
}

function makeRing(who) {
  const circle = (name) =>
    s("circle", { cx: 15, cy: 15, r: 12.25, class: name, transform: "rotate(-90 15 15)" })
  return s(
    "svg",
    {
      class: `ring ${who} ${who === "teacher" ? "in-full" : ""}`,
      viewBox: "0 0 30 30",
      "aria-hidden": "true",
    },
    circle("rest"),
    who === "student" && circle("teachers in-simple"),
    circle("part"),
    who === "student" && makeNotch(),
    s("text", { x: 15, y: 19, "text-anchor": "middle" }),
  )
}

/** The teacher's value on the student's ring, where the teacher has no ring: an arc below the student's,
    and a notch where that covers its end. */
const makeNotch = () => s("rect", { class: "notch in-simple", x: 14.25, y: 0, width: 1.5, height: 5 })

function fillTeachers(svg, value) {
  const notch = svg.querySelector(".notch")
  drawArc(svg.querySelector(".teachers"), value)
  set(notch, "display", isNumber(value) ? null : "none")
  if (isNumber(value)) set(notch, "transform", `rotate(${(360 * value).toFixed(2)} 15 15)`)
}

/** The rows as they are now; a fine-tune changes one of a thousand. */
export const rowsOf = ({ rows, changed }) => rows.map((row, at) => changed[at] ?? row)

/** Fill a row, unless it is up to date: a click changes two rows of a thousand. */
export function fillRow(element, row, model) {
  const [words, name, value, teacher, student, bars, badge, lean, unknown] = element.children
  const shift = model.shifts[row.name]
  const selected = row.name === model.selected
  const touched = model.touched[row.name] ?? 0
  const verdict = row.unknown || shift?.words
  const told = [row, shift, selected, touched, model.sort, ringMetric(model)]
  if (element.told?.every((each, at) => each === told[at])) return
  element.told = told
  set(element, "aria-selected", String(selected))
  text(
    words,
    `${spoken(row, model)}${touched ? `; ${touched} in the batch` : ""}${verdict ? `; ${verdict}` : ""}`,
  )
  lean.hidden = !shift?.relies || Boolean(row.unknown)
  unknown.hidden = !row.unknown
  set(unknown, "title", row.unknown)
  text(name, row.name)
  set(name, "title", row.name)
  text(badge, touched || "")
  set(badge, "title", `${touched} in the batch`)
  fillValue(value, row, model)
  fillRing(teacher, row.teacher[ringMetric(model)])
  fillRing(student, row[ringMetric(model)], row.few)
  element.classList.toggle("few", row.few !== null)
  fillTeachers(student, row.teacher[ringMetric(model)])
  SIDES.forEach((side, index) => fillSide(bars.children[index], row[side], row.images))
}

/** The value sorted by; below accuracy stands the fidelity, and the other way round. */
function fillValue(element, row, { sort }) {
  const below = SORTS[besideOf(sort)]
  const parts = () =>
    [SORTS[sort].show(row), below && h("span", { class: "beside" }, below.show(row))].filter(Boolean)
  drawOnce(element, JSON.stringify([sort, row[sort], row[besideOf(sort)]]), parts)
}

/** For a class with too few positives or negatives, their number replaces the ring, which would look too
    certain. */
function fillRing(svg, value, few = null) {
  drawArc(svg.querySelector(".part"), few === null ? value : null)
  text(svg.lastChild, few === null ? ring(value) : `n = ${few}`)
}

function drawArc(circle, value) {
  const part = isNumber(value) ? value * TURN : 0
  set(circle, "stroke-dasharray", `${part.toFixed(2)} ${TURN.toFixed(2)}`)
}

function fillSide(element, counts, images) {
  const [size, bar] = element.children
  const total = sum(counts)
  size.firstChild.style.height = `${images ? (100 * total) / images : 0}%`
  bar.classList.toggle("none", total === 0)
}

function spoken(row, model) {
  const { sort } = model
  const value = (name, number) => `${name} ${isNumber(number) ? number : "undefined"}`
  const gap = isNumber(row.gap) ? `AP behind the teacher ${points(row.gap)} points` : row.reason
  const counts = row.picked ?? row
  const of = row.picked ? "picked " : ""
  const side = (name) =>
    `${of}${name}: ${FILLS.map(([, fill], index) => `${counts[name][index]} ${fill}`).join(", ")}`
  const told = [sort, besideOf(sort)]
    .filter((key) => key && key !== "gap" && key !== "begin" && key !== GAP_METRIC)
    .map((key) => value(SORTS[key].name, rounded(row[key])))
  const few = row.few === null ? [] : [`too few images to say: ${row.few}`]
  return [
    row.name,
    ...few,
    gap,
    ...told,
    value("teacher AP", rounded(row.teacher[GAP_METRIC])),
    value("student AP", rounded(row[GAP_METRIC])),
    ...SIDES.map(side),
  ].join("; ")
}

const rounded = (value) => (isNumber(value) ? Number(value.toFixed(3)) : value)
