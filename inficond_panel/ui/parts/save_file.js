// Files that the server sends: the browser saves them.

import { h } from "../elements.js"
import { onMessage } from "../model.js"

export function saveFiles(model) {
  onMessage(model, ({ save }) => {
    if (save) saveFile(save)
  })
}

function saveFile({ name, content }) {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0))
  const link = h("a", { href: URL.createObjectURL(new Blob([bytes])), download: name })
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10000)
}
