// A participant's page: a screen of text or questions, or the bar above the views during a task.

import { h, listenWhile, text } from "../../ui/elements.js"
import { keep, kept, watch } from "../../ui/model.js"
import { fillPage, followSize } from "../../ui/parts/page.js"
import { makeScreen } from "./screen.js"
import { makeBar } from "./task_bar.js"

const DWELL = 1000
const AFTER = "inficond-after" // the session that a page goes on after, where its connection was lost
const LINK = "inficond-link" // what a browser keeps of a person's own link, by their id

export function render({ model, el }) {
  const root = h("div", { class: "frame" })
  el.append(root)
  followSize(root)
  const notice = noticeDialog(root, model)
  askForSize(root, model.least)
  const activity = followActivity(model, root)
  let key = null
  const draw = () => {
    const { screen } = model
    const working = screen.kind === "task"
    document.documentElement.style.setProperty(
      "--page-taken",
      working ? `calc(${model.preview ? 76 : 48}px * var(--zoom, 1))` : "0px",
    )
    document.documentElement.dataset.closed = (working ? screen.closed : []).join(" ")
    if (!working) fillPage()
    if (screen.key !== key) {
      key = screen.key
      activity.forget()
      root.querySelector(":scope > .content")?.remove()
      root.append(h("div", { class: "content" }, working ? makeBar(model) : makeScreen(model)))
      if (!working) focusHeading(root)
    }
    root.querySelector(":scope > .content > *").show?.(screen)
  }
  watch(model, ["screen"], draw)
  watch(model, ["preview"], () => sayPreview(root, model.preview))
  watch(model, ["notice"], () => notice.show(model.notice))
  window.addEventListener("inficond-lost", () => keep("sessionStorage", AFTER, model.session))
  const address = new URLSearchParams(window.location.search)
  const ids = Object.fromEntries(model.ids.map((name) => [name, address.get(name) ?? ""]))
  const place = `${LINK} ${window.location.pathname} ${ids[model.ids[0]]}`
  watch(model, ["own_link"], () => keepLink(place, model.own_link))
  model.send_msg({
    action: "enter",
    ids,
    own: kept("localStorage", place) ?? "",
    token: decodeURIComponent(window.location.hash.slice(1)),
    after: kept("sessionStorage", AFTER) ?? "",
    window: [window.innerWidth, window.innerHeight],
    preview: address.get("preview"),
  })
  keep("sessionStorage", AFTER, null)
}

/** Who came by the open link goes on by their own: in the address, and when they open that one again. */
function keepLink(place, token) {
  if (!token) return
  keep("localStorage", place, token)
  const { pathname, search } = window.location
  window.history.replaceState(null, "", `${pathname}${search}#${token}`)
}

/** A screen reader and the Tab key begin at the heading of a new screen. */
function focusHeading(root) {
  window.scrollTo(0, 0)
  root.querySelector("h1")?.focus({ preventScroll: true })
}

/** A dialog over everything, which cannot be put away but by its button. */
function noticeDialog(root, model) {
  const title = h("h2")
  const words = h("p")
  const button = h("button", { class: "btn primary", onclick: () => model.send_msg({ action: "try_again" }) })
  const dialog = h(
    "dialog",
    { class: "sure", role: "alertdialog", "aria-label": "Notice" },
    title,
    words,
    h("footer", {}, button),
  )
  dialog.addEventListener("cancel", (event) => event.preventDefault())
  root.append(dialog)
  /** @param {{ title?: string, text?: string, button?: string }} notice */
  dialog.show = ({ title: head, text: body, button: label } = {}) => {
    text(title, head ?? "")
    text(words, body ?? "")
    text(button, label ?? "")
    button.hidden = !label
    if (head && !dialog.open) dialog.showModal()
    else if (!head && dialog.open) dialog.close()
  }
  return dialog
}

/** A dialog over everything while the window is smaller than the study needs. */
function askForSize(root, [width, height]) {
  if (!width && !height) return
  const words = h("p")
  const title = "A larger window is needed"
  const dialog = h(
    "dialog",
    { class: "sure", role: "alertdialog", "aria-label": title },
    h("h2", {}, title),
    words,
  )
  dialog.addEventListener("cancel", (event) => event.preventDefault())
  root.append(dialog)
  const measure = () => {
    const { innerWidth, innerHeight } = window
    const small = innerWidth < width || innerHeight < height
    text(
      words,
      `This study needs a window of at least ${width} × ${height} pixels. This one has ` +
        `${innerWidth} × ${innerHeight}. Make it larger, or use a larger screen.`,
    )
    if (small && !dialog.open) dialog.showModal()
    else if (!small && dialog.open) dialog.close()
  }
  listenWhile(root, window, "resize", measure)
  requestAnimationFrame(measure)
}

/** Say above everything that this is a preview. */
function sayPreview(root, words) {
  root.querySelector(":scope > .preview")?.remove()
  if (words) root.prepend(h("p", { class: "preview", role: "status" }, words))
}

/** Tell which view is used, by pointer or keyboard, and whether the page is seen at all. */
function followActivity(model, root) {
  let view = ""
  let waiting = null
  const viewOf = (event) =>
    event.composedPath().find((part) => part.dataset?.view && part.classList?.contains("place"))?.dataset
      .view ?? ""
  const visit = (name) => {
    clearTimeout(waiting)
    if (name && name !== view) {
      view = name
      model.send_msg({ action: "visit", view })
    }
  }
  const listen = (type, act, /** @type {EventTarget} */ target = document) =>
    listenWhile(root, target, type, act, true)
  listen("pointerdown", (event) => visit(viewOf(event)))
  listen("keydown", (event) => visit(viewOf(event)))
  listen("pointerover", (event) => {
    const name = viewOf(event)
    clearTimeout(waiting)
    if (name && name !== view) waiting = setTimeout(() => visit(name), DWELL)
  })
  let left = false // the page, for another: its connection is closed, and the server sees that
  listen(
    "pagehide",
    () => {
      left = true
    },
    window,
  )
  listen(
    "pageshow",
    () => {
      left = false
    },
    window,
  )
  listen(
    "visibilitychange",
    () => left || model.send_msg({ action: document.hidden ? "go_away" : "come_back" }),
  )
  return {
    forget: () => {
      view = ""
    },
  }
}
