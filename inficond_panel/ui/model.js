// A component and its model in Python: messages, changes, theme; what the browser keeps.

import { set } from "./elements.js"

export const PATIENCE = 5000 // ms to wait for the answer to a choice: the server may have refused it

/** Run with each message that Python sends to the component. */
export const onMessage = (model, run) => model.on("msg:custom", (event) => run(event.data ?? event))

let released = Promise.resolve()
let release = () => {}

/** A press must meet its release: what arrives between them would move or replace what is pressed. */
globalThis.document?.addEventListener(
  "pointerdown",
  (/** @type {any} */ event) => {
    // The browser shows these while they are pressed.
    if (event.composedPath()[0].matches("select, input")) return
    release() // of a finger before
    released = new Promise((done) => {
      release = () => done()
      setTimeout(done, PATIENCE)
    })
  },
  true,
)
for (const end of ["pointerup", "pointercancel"]) {
  globalThis.document?.addEventListener(end, () => setTimeout(release), true)
}

/** Run `draw` now and whenever one of the model's params changes, but not while a pointer is pressed;
    several changes at once draw once. */
export function watch(model, names, draw) {
  let queued = false
  model.on(names, () => {
    if (queued) return
    queued = true
    released.then(() => {
      queued = false
      draw()
    })
  })
  draw()
}

/** Take the theme of the component's param ("light", "dark"; "" inherits the page's), and the amount that
    it shows. */
export function followTheme(model, element) {
  onHost(model, element, "theme")
  followShow(model, element)
}

/** Show as much as the component's param says ("simple", "details"). */
export const followShow = (model, element) => onHost(model, element, "extent")

/** Copy a param of the component to its host element, for style sheets. */
function onHost(model, element, name) {
  const apply = () => {
    const host = element.getRootNode().host
    if (host) set(host, `data-${name}`, model[name] || null)
  }
  model.on(name, apply)
  model.on("after_render", apply)
  queueMicrotask(apply)
}

/** What the browser keeps under a name, in "localStorage" or for this tab in "sessionStorage"; null
    where it keeps nothing. A browser may refuse both.
    @param {"localStorage" | "sessionStorage"} storage @param {string} name */
export function kept(storage, name) {
  try {
    return window[storage].getItem(name)
  } catch {
    return null
  }
}

/** Keep `value` under a name, see `kept`; null takes it away.
    @param {"localStorage" | "sessionStorage"} storage @param {string} name @param {string?} value */
export function keep(storage, name, value) {
  try {
    value === null ? window[storage].removeItem(name) : window[storage].setItem(name, value)
  } catch {
    /* refused */
  }
}

/** Whether the page has lost its server (connection.js): timers stop then. */
export const isLost = () => "lost" in document.documentElement.dataset
