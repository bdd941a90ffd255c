// Whether the server answers. What is sent is asked after; where no answer comes, or the connection
// is closed, a banner says so, and the page is loaded again as soon as the server is there: a session
// cannot be joined again, since what it sent meanwhile is lost.

import { h, keyed, text } from "./elements.js"
import { keep, kept, onMessage } from "./model.js"
import { fillFields, readFields } from "./fields.js"
import { closeButton } from "./parts/dialog.js"

const LOST = "inficond-lost" // what is kept of the page, and the event that it is lost
const TICK = 1000
const SILENT = 5
const IDLE = 15 // ms; ticks without an answer, ticks between two questions
const SOON = 400 // ms from what is sent to the question after it: many things at once make one
const CALM = 10000 // ms from one reload to the next, where a connection breaks at once

export function render({ model, el }) {
  const before = JSON.parse(kept("sessionStorage", LOST))
  keep("sessionStorage", LOST, null)
  const banner = makeBanner()
  const line = h("div", { class: "back", popover: "manual", role: "status" })
  el.append(banner, line)
  const link = followLink(model, el, banner, before !== null)
  window.addEventListener(LOST, () => rememberPage(link))
  window.addEventListener("pagehide", () => {
    if (link.late && !link.lost) rememberPage(link)
  })
  if (before) bringBack(before, model, line)
}

/** Ask the server, and report {lost, unsaved, late}. `again`: whether the connection was lost before. */
function followLink(model, el, banner, again) {
  let turn = 0
  let sent = 0
  let asked = 0
  let heard = 0 // of what is sent: how much was asked after, and arrived
  let waiting = false
  let ticks = 0
  let since = null
  let closed = false
  let looking = false
  let hurry = false
  let answers = 0
  let soon = null
  const born = performance.now()
  const link = {
    get lost() {
      return since !== null
    },
    get unsaved() {
      return sent > heard
    },
    get late() {
      return link.unsaved && waiting && ticks > 1
    }, // a person may reload the page before we do
  }
  const say = () => model.send_msg({ action: "alive", turn })
  const ask = () => {
    soon = null
    if (waiting || link.lost || model.over) return
    waiting = true
    ticks = 0
    asked = sent
    turn += 1
    say()
  }
  const askSoon = () => {
    soon ??= setTimeout(ask, SOON)
  }
  const lose = () => {
    if (link.lost || model.over) return
    since = performance.now()
    ticks = answers = 0
    hurry = false
    document.documentElement.dataset.lost = ""
    window.dispatchEvent(new Event(LOST)) // before the banner takes the focus: a field is left by that
    banner.start(closed)
    look()
  }
  const recover = () => {
    since = null
    delete document.documentElement.dataset.lost
    keep("sessionStorage", LOST, null)
    banner.close()
  }
  /** See whether the server is there; where it is and this page is cut off from it, load it again. */
  const look = async () => {
    if (looking) return
    looking = true
    const there = await isThere()
    looking = false
    answers = there ? answers + 1 : 0
    const calm = performance.now() - born > CALM || !again
    if (link.lost && (hurry || (calm && answers >= (closed ? 1 : 3))) && there) location.reload()
  }
  banner.reload.addEventListener("click", () => {
    hurry = true
    look()
  }) // to a server that is there: else all would be gone
  const tick = () => {
    if (!el.isConnected) clearInterval(timer)
    ticks += 1
    if (link.lost) {
      const seconds = Math.round((performance.now() - since) / 1000)
      banner.tell(seconds)
      if (seconds < 30 || ticks % 5 === 0) look()
    } else if (waiting ? ticks >= SILENT : ticks >= IDLE && !document.hidden) {
      if (waiting) lose()
      else ask()
    } else if (waiting) say() // an overloaded server skips messages
  }
  const timer = setInterval(tick, TICK)
  onMessage(model, ({ alive }) => {
    if (alive !== turn) return
    waiting = false
    ticks = 0
    heard = asked
    if (link.lost && !closed) recover()
    if (link.unsaved) askSoon()
  })
  model.document.on_change((event) => {
    const { origin } = event.msg_data ?? {}
    if (!event.sync || (event.kind === "MessageSent" && (!origin || origin.data?.id === model.id))) return
    sent += 1
    askSoon()
  })
  model.document.on_event("connection_lost", () => {
    closed = true
    lose()
  })
  const now = () => (link.lost ? look() : ask())
  for (const type of ["online", "offline"]) window.addEventListener(type, now)
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) now()
  })
  return link
}

async function isThere() {
  const address = `${location.pathname.replace(/\/$/, "")}/metadata`
  try {
    // eslint-disable-next-line no-restricted-globals -- asks the page's server after a broken connection
    return (await fetch(address, { cache: "no-store", signal: AbortSignal.timeout(4000) })).ok
  } catch {
    return false
  }
}

// --- the banner --------------------------------------------------------------------------------------

/** A modal dialog: whatever else is on the page, dialogs too, is inert as long as it is open. */
function makeBanner() {
  const reload = h("button", { class: "btn" }, "Reload now")
  const title = h("b")
  const seconds = h("span", { class: "num", "aria-hidden": "true" })
  const dialog = h(
    "dialog",
    { class: "lost", role: "alertdialog", "aria-label": "Connection lost" },
    h("span", { class: "spin", "aria-hidden": "true" }),
    h("p", { role: "alert" }, title, " Trying again…"),
    seconds,
    h("span", { class: "grow" }),
    reload,
  )
  dialog.reload = reload
  dialog.addEventListener("cancel", (event) => event.preventDefault())
  window.addEventListener(
    "keydown",
    (event) => {
      if (!dialog.open) return
      event.stopImmediatePropagation() // no key of the page
      if (event.key === "Escape") event.preventDefault()
    },
    true,
  )
  dialog.start = (closed) => {
    text(title, closed ? "Connection lost." : "The server does not answer.")
    dialog.tell(0)
    if (!dialog.open) dialog.showModal()
  }
  dialog.tell = (past) =>
    text(seconds, past < 60 ? `${past} s` : `${Math.floor(past / 60)} min ${past % 60} s`)
  return dialog
}

function rememberPage(link) {
  keep(
    "sessionStorage",
    LOST,
    JSON.stringify({ lost: link.lost, unsaved: link.unsaved, fields: readFields() }),
  )
}

/** After the reload: fill the fields as they appear, and tell which work may be lost. */
function bringBack({ lost, unsaved, fields }, model, line) {
  let left = fields
  const words = h("ul")
  const told = [
    lost
      ? "The connection was lost and is there again."
      : "The page was loaded again before the server had answered.",
    unsaved && "The last thing that you did may not have been saved: look before you go on.",
    model.after,
  ].filter(Boolean)
  line.append(
    h("div", {}, h("p", {}, told.join(" ")), words),
    closeButton(() => line.hidePopover()),
  )
  const fill = () => {
    if (!left.length) return
    left = fillFields(left)
    keyed(
      words,
      left.filter((entry) => entry.value),
      (entry) => entry.key,
      ({ name, value }) => h("li", {}, `What you wrote in “${name}”: `, h("b", {}, value)),
      () => {},
    )
  }
  const timer = setInterval(fill, 200)
  setTimeout(() => clearInterval(timer), 30000)
  document.addEventListener("focusin", fill) // a field that appears later
  fill()
  line.showPopover()
  if (told.length === 1) {
    setTimeout(() => {
      if (!words.children.length) line.hidePopover()
    }, 8000)
  }
}
