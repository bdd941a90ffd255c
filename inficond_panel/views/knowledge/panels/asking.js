// The offer to answer on photos of the student that is shown, and the dialog that asks.

import { drawOnce, h, set, setAll, text, unless } from "../../../ui/elements.js"
import { isBusy } from "../shared.js"
import { makeQuestions } from "./questions.js"

/** The offer to answer on photos, or why that is not possible; a click opens the dialog. */
export function makeAsking(root, model, send) {
  const dialog = makeDialog(root, model, send)
  const missing = h("span", { class: "muted" })
  const button = h("button", {
    class: "btn",
    "aria-haspopup": "dialog",
    onclick: () => {
      if (!isBusy(model)) dialog.open()
    },
  })
  const element = h("span", { class: unless("asking", "asking-line") }, button, missing)
  const draw = () => {
    const { offer, missing: why } = model.asking
    const [words] = offer.split(/ where | of /)
    drawOnce(button, words, () => {
      const [first, ...rest] = words.split(/(?=\d)/) // in little room only what is looked at
      return rest.length ? [h("span", { class: "verb" }, first.trim()), ` ${rest.join("")}`] : [words]
    })
    setAll(button, { "aria-label": offer, title: offer })
    button.hidden = !offer
    set(button, "aria-disabled", isBusy(model) ? "true" : null)
    text(missing, why)
    dialog.draw()
  }
  return { element, draw }
}

function makeDialog(root, model, send) {
  const questions = makeQuestions(model, send, () => dialog.close())
  const dialog = h("dialog", { class: "asking", "aria-labelledby": "asking-title" }, questions.element)
  root.append(dialog)
  let begun = false
  let opened = model.asking.requests ?? 0
  dialog.addEventListener("close", () => {
    if (begun) send("leave_photos")
    begun = false
  })
  const unfold = () => {
    begun = false
    questions.forget()
    dialog.showModal()
  }
  return {
    open: () => {
      unfold()
      send("ask")
    },
    draw: () => {
      const { kind, requests = 0 } = model.asking
      if (requests > opened && !dialog.open) unfold()
      opened = requests
      if (!dialog.open) return
      if (kind) {
        begun = true
        questions.draw(true)
      } else if (begun) {
        begun = false
        dialog.close()
      }
    },
  }
}
