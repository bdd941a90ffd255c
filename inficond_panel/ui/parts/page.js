// A page of ours: its colours, and the size at which it is drawn, the variable --zoom that its style sheets
// take.

import { listenWhile } from "../elements.js"
import { BACKGROUND } from "../vocabulary.js"

const WIDE = 2080
const HIGH = 1170 // size in pixels of the largest window without zoom

/** Draw the page larger in a larger window, which is on a screen that is read from farther away; not
    where the window is large since the person has made the browser's text smaller. */
export function followSize(root) {
  const apply = () => {
    const share =
      Math.min(1, window.devicePixelRatio) * Math.min(window.innerWidth / WIDE, window.innerHeight / HIGH)
    document.documentElement.style.setProperty("--zoom", String(Math.max(1, Math.floor(20 * share) / 20)))
  }
  listenWhile(root, window, "resize", apply)
  apply()
}

/** Give the document, where the page is all of it, our background in light, dark, or both as the system
    has it. */
export function fillPage(scheme = "light dark") {
  document.documentElement.style.colorScheme = scheme
  document.documentElement.lang = "en"
  Object.assign(document.body.style, { margin: "0", background: BACKGROUND })
}
