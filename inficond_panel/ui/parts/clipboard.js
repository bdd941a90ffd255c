// The clipboard of the browser.

import { h } from "../base.js"

/** Copy words; true if the browser did. Pages that are not secure have no clipboard of their own. */
export async function copyText(words) {
  try {
    await navigator.clipboard.writeText(words)
    return true
  } catch {
    const area = h("textarea", {}, words)
    document.body.append(area)
    area.select()
    const done = document.execCommand("copy")
    area.remove()
    return done
  }
}
