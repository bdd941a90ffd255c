// A panel that opens below its line, by a click or a key.

import { icon, onKey } from "../../../ui/controls.js"
import { h, set } from "../../../ui/elements.js"

/** A panel whose param `name` of the model says whether it is open: {element, line, title, body, show}.
    `line` and `body` are to be filled by who makes it; `show()` draws whether it is open, and returns it. */
export function makeUnfold(model, name, { kind, key, title: words, meaning, label = null }) {
  const title = h("b", {}, words)
  const line = h("span", { class: "told clip" })
  const head = h(
    "button",
    {
      class: "unfold-line",
      "aria-controls": `${kind}-body`,
      "aria-keyshortcuts": key.toUpperCase(),
      title: `${meaning} (${key.toUpperCase()})`,
      onclick: () => {
        model[name] = !model[name]
      },
    },
    icon("down", 14),
    title,
    line,
  )
  const body = h("div", { class: "unfold-body", id: `${kind}-body`, role: "region", "aria-label": label })
  const element = h("div", { class: `unfold ${kind}` }, head, body)
  onKey(element, key, () => {
    head.click()
    head.focus()
  })
  const show = () => {
    const open = model[name]
    set(head, "aria-expanded", String(open))
    element.classList.toggle("expanded", open)
    body.hidden = !open
    return open
  }
  return { element, line, title, body, show }
}
