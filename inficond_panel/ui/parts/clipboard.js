// The clipboard of the browser.

import { focusedIn, h, text } from "../elements.js"

/** Copy a text; return true on success. Pages without https have no clipboard API. */
export async function copyText(words) {
  try {
    await navigator.clipboard.writeText(words)
    return true
  } catch {
    const area = h("textarea", {}, words)
    const held = focusedIn(document)
    document.body.append(area)
    area.select()
    const done = document.execCommand("copy")
    area.remove()
    held?.focus({ preventScroll: true })
    return done
  }
}

/** A button that copies a text, and says whether it did. */
export function copyButton(words, look = "btn") {
  const button = h(
    "button",
    {
      class: look,
      onclick: () =>
        copyText(words).then((done) => text(button, done ? "Copied" : "The browser refuses to copy")),
    },
    "Copy",
  )
  return button
}
