// The questions on photos of one student as a view by itself, such as a cell of a notebook.

import { callImages, h, set, text } from "../../../ui/elements.js"
import { followTheme, watch } from "../../../ui/model.js"
import { sender } from "../shared.js"
import { asks, makeQuestions } from "./questions.js"

export function render({ model, el }) {
  callImages(model.called)
  const send = sender(model)
  const questions = makeQuestions(model, send, () => send("leave_photos"))
  const told = h("p")
  const begin = h("button", { class: "btn primary", onclick: () => ask() })
  const offer = h("div", { class: "empty" }, told, begin)
  const element = h("section", { class: "panel asking" }, questions.element, offer)
  el.append(element)
  // JupyterLab leaves keys alone where an element around them says so
  queueMicrotask(() => element.getRootNode().host?.setAttribute("data-lm-suppress-shortcuts", "true"))
  let begun = false
  let asked = false // only a click here takes the focus: a person may write in another cell
  const ask = () => {
    asked = true
    send("ask")
  }
  watch(model, ["student", "asking"], () => {
    const { kind, missing, offer: words, shown: thing } = model.asking
    set(element, "aria-label", thing === "caption" ? "Captions" : "Photos")
    questions.element.hidden = !kind
    offer.hidden = Boolean(kind)
    if (begun && !kind) questions.forget()
    begun = Boolean(kind)
    text(
      told,
      missing || (words ? `${asks("a", thing)} ${model.student}? The answers are kept.` : "Select a class."),
    )
    text(begin, words)
    begin.hidden = !words
    if (!kind) return
    questions.draw(asked)
    asked &&= kind === "choosing"
  })
  followTheme(model, el)
}
