// Dialogs with a title and a button that closes them.

import { iconButton } from "../controls.js"
import { h } from "../elements.js"

/** The button that closes a dialog or popover. */
export const closeButton = (close) => iconButton("cross", "Close", close, { title: null })

/** A dialog of the class `name`, with a head: its title, what is `beside` it, and the button that closes
    it; so do Escape and a press outside. Returns the dialog, the heading and the button. */
export function titledDialog(root, name, title, beside, ...content) {
  const heading = h("h2", { id: `${name}-title` }, title)
  const close = closeButton(() => dialog.close())
  const dialog = h(
    "dialog",
    { closedby: "any", class: name, "aria-labelledby": heading.id },
    h("div", { class: "head" }, heading, beside, close),
    ...content,
  )
  root.append(dialog)
  return { dialog, heading, close }
}
