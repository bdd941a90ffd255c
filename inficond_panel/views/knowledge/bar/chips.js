// Chips under the batch: what earlier thumbs hold, and the students that the batch changes.

import { icon } from "../../../ui/controls.js"
import { h, keyed, set, setAll, text } from "../../../ui/elements.js"
import { count } from "../../../ui/numbers.js"
import { toldOf } from "../../../ui/parts/whisker.js"
import { DIRECTIONS } from "../../../ui/vocabulary.js"
import { heldWords, isBusy, ownPending } from "../shared.js"

const RELEASE = "release"
const HELD_SHOWN = 2 // more are one line, which unfolds

export function makeHeld(model, send) {
  const list = h("span", { class: "chips" })
  const more = h("button", {
    class: "link offline",
    onclick: () => {
      open = !open
      draw()
    },
  })
  const element = h(
    "div",
    { class: "held", role: "group", "aria-label": "Earlier thumbs" },
    h(
      "span",
      {
        class: "muted",
        title: "What earlier thumbs hold: limits of influences, and what they add to the targets",
      },
      "Earlier thumbs:",
    ),
    list,
    more,
  )
  let open = false
  const make = ({ concept }) =>
    h(
      "span",
      { class: "chip" },
      h(
        "button",
        {
          class: "name clip offline",
          "aria-label": `Open ${concept}`,
          onclick: () => send("open", { concept }),
        },
        concept,
      ),
      h("span", { class: "num" }),
      h(
        "button",
        {
          class: "lift",
          onclick: () => {
            if (!isBusy(model)) send("toggle", { concept, direction: RELEASE })
          },
        },
        icon(DIRECTIONS[RELEASE].icon, 12),
      ),
    )
  const update = (chip, { concept, bound }, released) => {
    const [name, limit, lift] = chip.children
    const words = `${DIRECTIONS[RELEASE].verb} ${concept}, ${bound}`
    set(name, "title", concept)
    text(limit, bound)
    set(limit, "title", heldWords(bound))
    setAll(lift, {
      "aria-label": words,
      title: released ? `${words}: waits; once more takes it back` : words,
      "aria-pressed": String(released),
      "aria-disabled": isBusy(model) ? "true" : null,
    })
  }
  function draw() {
    const { held } = model
    const released = new Set(
      ownPending(model)
        .filter(({ direction }) => direction === RELEASE)
        .map(({ concept }) => concept),
    )
    element.hidden = !held.length
    const folds = held.length > HELD_SHOWN
    const shown = open || !folds ? held : []
    keyed(
      list,
      shown,
      ({ concept }) => concept,
      make,
      (chip, one) => update(chip, one, released.has(one.concept)),
    )
    more.hidden = !folds
    const zero = held.every(({ bound }) => bound.startsWith("= 0"))
    text(more, open ? "less" : `${count(held.length)} held${zero ? " at 0" : ""}`)
    set(more, "aria-expanded", String(open))
  }
  return { element, draw }
}

const STUDENTS_SHOWN = 6 // of a batch; the rest is a number

/** The students that the batch changes, if there are others than the student shown; a click selects one. */
export function makeTouched(model, send) {
  const element = h("div", { class: "touched", role: "group", "aria-label": "Students of this batch" })
  const make = ({ student }) =>
    h(
      "button",
      { onclick: () => send("select", { student }) },
      h("b", { class: "clip" }),
      h("span", { class: "num", "aria-hidden": "true" }),
      h("span", { class: "num change" }),
    )
  const update = (button, { student, items, change }) => {
    const [name, marks, told] = button.children
    text(name, student)
    text(marks, items.map(([glyph, kind, n]) => (glyph === kind ? kind : `${glyph}${n}`)).join(" "))
    text(told, change ? `${change.text}${change.noise ? ", within noise" : ""}` : "")
    set(button, "aria-current", student === model.student ? "true" : null)
    const edits = items.map(([, kind, n]) => `${n} ${kind}`).join(", ")
    set(button, "title", `${student}: ${edits}${change ? `; AP ${toldOf(change)}` : ""}`)
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
