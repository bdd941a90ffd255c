// The size at which a page is drawn: the variable --zoom, which its style sheets take.

const WIDE = 2080, HIGH = 1170 // size in pixels of the largest window without zoom

/** Draw the page larger in a larger window, which is on a screen that is read from farther away; not
    where the window is large since the person has made the browser's text smaller. */
export function followSize(root) {
  const apply = () => {
    if (!root.isConnected) return window.removeEventListener("resize", apply)
    const share = Math.min(1, window.devicePixelRatio) * Math.min(window.innerWidth / WIDE, window.innerHeight / HIGH)
    document.documentElement.style.setProperty("--zoom", String(Math.max(1, Math.floor(20 * share) / 20)))
  }
  window.addEventListener("resize", apply)
  apply()
}
