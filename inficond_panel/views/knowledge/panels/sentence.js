// One sentence on a student, where only what people who begin need is shown: what the last refit did
// to it, or what is wrong with it or its teacher.

import { h, icon, text } from "../../../ui/base.js"

export function makeSentence(model) {
  const words = h("span")
  const element = h("p", { class: "sentence", role: "status" }, icon("note", 14), words)
  const draw = () => {
    const told = model.student ? sentenceOf(model) : ""
    element.hidden = !told
    text(words, told)
  }
  return { element, draw }
}

/** @param {any} model */
export function sentenceOf({ student, teacher, status, summary, shift, shiftless, refit }) {
  if (teacher.length) return teacher.join(" ")
  if (status.kind === "done" && status.change) return `#${refit} changed the AP of ${student} by ${status.change.text}${status.change.noise ? ", which may be chance" : ""}.`
  if (shift.plain) return shift.plain
  if (summary.since) return `Since the start the AP of ${student} has changed by ${summary.since.text}${summary.since.noise ? ", which may be chance" : ""}.`
  return shiftless
}
