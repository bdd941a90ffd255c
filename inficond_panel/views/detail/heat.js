// Knowledge points laid over the image in the dialog, where the store has a map of it.

import { h, set, text } from "../../ui/elements.js"

/** A switch and what it shows; `over(frame, row)` lays the map of `model.apart` over the picture. */
export function makeHeat(model, refresh) {
  const button = h(
    "button",
    {
      class: "btn",
      "aria-pressed": "false",
      onclick: () => {
        set(button, "aria-pressed", String(button.getAttribute("aria-pressed") !== "true"))
        refresh()
      },
    },
    "Knowledge points",
  )
  const words = h("p", { class: "muted" })
  const element = h("section", { class: "heat-switch", "aria-label": "Knowledge points" }, button, words)
  element.hidden = true
  const over = (frame, row) => {
    frame.querySelector(".heat")?.remove()
    if (model.apart.row !== row.row) return // it has been requested
    const { source, text: meaning } = model.apart.heat ?? {}
    element.hidden = !source
    const on = source && button.getAttribute("aria-pressed") === "true"
    text(words, on ? meaning : "")
    if (on) frame.firstChild?.after(h("img", { class: "heat", src: source, alt: "", draggable: "false" }))
  }
  return { element, over }
}
