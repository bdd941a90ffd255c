// The students that a batch touches.

import { count, h, keyed, set, text } from "../../../ui/base.js"
import { toldOf } from "../../../ui/parts/whisker.js"

const STUDENTS_SHOWN = 6 // of a batch; the rest is a number

/** The students that the batch touches, if there are others than the one shown: a click goes there. */
export function makeTouched(model, send) {
  const element = h("div", { class: "touched", role: "group", "aria-label": "Students of this batch" })
  const make = ({ student }) => h("button", { type: "button", onclick: () => send("select", { student }) },
    h("b", { class: "clip" }), h("span", { class: "num", "aria-hidden": "true" }), h("span", { class: "num change" }))
  const update = (button, { student, items, change }) => {
    const [name, marks, told] = button.children
    text(name, student)
    text(marks, items.map(([glyph, kind, n]) => (glyph === kind ? kind : `${glyph}${n}`)).join(" "))
    text(told, change ? `${change.text}${change.noise ? ", within noise" : ""}` : "")
    set(button, "aria-current", student === model.student ? "true" : null)
    set(button, "title", `${student}: ${items.map(([, kind, n]) => `${n} ${kind}`).join(", ")}${change ? `; AP ${toldOf(change)}` : ""}`)
  }
  const label = h("span", { class: "muted" })
  const list = h("span", { class: "chips" })
  const rest = h("span", { class: "muted num" })
  element.append(label, list, rest)
  const draw = () => {
    const { touched, student } = model
    element.hidden = !touched.some((one) => one.student !== student)
    if (element.hidden) return
    text(label, `This batch tunes ${touched.length} ${touched.length === 1 ? "student" : "students"}:`)
    const shown = touched.slice(0, STUDENTS_SHOWN)
    keyed(list, shown, (one) => one.student, make, update)
    text(rest, touched.length > shown.length ? `and ${count(touched.length - shown.length)} more` : "")
  }
  return { element, draw }
}
