// What the parts of the view share: messages, what is pending, what is on screen.

import { h } from "../../ui/elements.js"
import { watch } from "../../ui/model.js"
import { DIRECTIONS } from "../../ui/vocabulary.js"

/** Sends an action to Python, with the student that the page shows. */
export const sender =
  (model) =>
  (action, detail = {}) =>
    model.send_msg({ action, seen: model.student, ...detail })

/** Whether details are shown; they are built only then. */
export const isDetailed = ({ extent }) => extent !== "simple"

/** In `parent` what `make()` makes, {element, draw}: drawn when a param changes, made anew when the page
    shows more or less. */
export function showPart(model, parent, names, make) {
  let part = null
  let extent = null
  watch(model, [...names, "extent"], () => {
    if (model.extent !== extent) {
      extent = model.extent
      part?.element.remove()
      part = make()
      parent.append(part.element)
    }
    part.draw()
  })
}

/** Whether a refit runs, also while it is being cancelled. */
export const isFitting = ({ status }) => status.kind === "fitting" || status.kind === "cancelling"
/** Whether the batch cannot be changed now. */
export const isBusy = (model) => isFitting(model) || model.adding || Boolean(model.locked)

export const ownRepairs = (model) => model.repairs.filter((repair) => repair.class === model.student)

/** The unit of what a thumb adds to the targets. */
const SD = "sd: standard deviations of the teacher's log-odds in the training images"
/** The unit in words, if what a thumb holds, such as `= 0 · −0.60 sd`, has one; else an empty text. */
export const unitOf = (bound) => (bound.endsWith(" sd") ? SD : "")
/** What a thumb holds, for a title: with its unit in words. */
export const heldWords = (bound) => (unitOf(bound) ? `${bound} (${unitOf(bound)})` : bound)

/** Number of pending thumbs and repairs, of all classes. */
export const sizeOf = (model) => model.pending.length + model.repairs.length

export const ownPending = (model) => model.pending.filter((intent) => intent.student === model.student)

/** The search that the rows on screen answer: the one before, while the answer is on its way; empty
    where they are listed. */
export const soughtOf = ({ find, found }) => (find.trim() ? found.query.trim() : "")

/** Search for a part of a name; an empty text lists the rows, without a request. */
export function seek(model, part) {
  model.find = part
  if (!part.trim()) model.found = { query: "", rows: [] }
}

/** The rows on screen: of the search, or of the list. */
export const shownRows = (model) => (soughtOf(model) ? model.found.rows : model.rows)

/** A part of a panel under its heading. */
export const section = (title, ...content) => h("section", {}, h("h3", {}, title), ...content)

/** One click gives each of a group the thumb, or takes it from all. */
export function groupButton({ concepts, direction }, model, send, name = `${concepts.length} concepts`) {
  const mine = new Set(
    ownPending(model)
      .filter((intent) => intent.direction === direction)
      .map(({ concept }) => concept),
  )
  const pressed = concepts.every((concept) => mine.has(concept))
  const { mark, verb } = DIRECTIONS[direction]
  return h(
    "button",
    {
      class: `group-thumb ${direction}`,
      "aria-pressed": String(pressed),
      disabled: isBusy(model),
      "aria-label": `${verb} the group, ${name}: ${concepts.join(", ")}`,
      title: `${verb} the group: ${concepts.join(", ")} (G)`,
      onclick: () => send("toggle_group", { concepts, direction }),
    },
    h("span", { "aria-hidden": "true" }, mark),
    ` ${name}`,
  )
}
