// A page without a server: what is selected, and what views ask for, is answered from the file. Nothing
// can be changed, and what needs a server does nothing.

import { tappedConcept } from "../embedding/tapped.js"
import { makeExplorer, unpack } from "./explored.js"

const ALWAYS = "[role=tablist], dialog" // works without a server
const HERE = ".offline" // so does this, but for the controls in it
const CONTROLS = "button, label, [role=radiogroup], .handle, .grip"
const DRAGGED = ".handle, .grip" // what sets an influence
const FIELDS = "input, select"
const MOVES = /^(Tab|Escape|Arrow|Page|Home|End)/
const PRESSES = /^(Enter| )$/

/** The selection that a message of a view asks for. */
const CHOICES = {
  select: ({ student }) => ({ class_name: student }),
  open: ({ concept, class_name }) => ({ concept, ...(class_name !== undefined && { class_name }) }),
  look: ({ concept, class_name }) => ({ concept, class_name }),
  choose_class: ({ name }) => ({ class_name: name }),
  choose_student: ({ name }) => ({ node: name }),
  jump: ({ node }) => ({ node }),
}

// --- the selection ---------------------------------------------------------------------------------

async function begin() {
  const page = await drawn()
  let setting = false
  let explorer = null
  const waiting = [] // requests of views before the record is read
  const apply = (events) => {
    setting = true
    page.apply_json_patch({ events })
    setting = false
  }
  const answer = (id, data) => {
    const values = {
      type: "map",
      entries: [
        ["model", { id }],
        ["data", data],
      ],
    }
    apply([
      {
        kind: "MessageSent",
        msg_type: "bokeh_event",
        msg_data: { type: "event", name: "esm_event", values },
      },
    ])
  }
  /** Carry out a view's request: a message, or the class that the list of classes has set. */
  const hear = (event) => {
    if (event.kind === "ModelChanged") {
      explorer.forget(event.model.id, event.attr)
      if (event.attr === "selected") explorer.go({ class_name: event.value })
      return
    }
    const told = event.msg_data ?? {}
    const message = told.data ?? {}
    if (told.event_name === "tap") {
      const concept = tappedConcept(told.origin, told.x, told.y)
      if (concept) explorer.go({ concept })
    } else if (message.action in CHOICES) {
      if (!explorer.go(CHOICES[message.action](message))) restore()
    } else if (message.action === "pictures") {
      const { id } = told.origin
      const found = explorer.pictures(id, message.segments ?? message.rows)
      if (found) answer(id, found)
    }
  }
  page.on_change((event) => {
    if (setting) return
    if (explorer) {
      setTimeout(() => hear(event))
    } // after what has changed it
    else waiting.push(event)
  })
  const record = await unpack(document.getElementById("explored").textContent)
  explorer = makeExplorer(record, {
    set: (changes) =>
      apply(
        changes.map(({ model, name, value }) => ({
          kind: "ModelChanged",
          model: { id: model },
          attr: name,
          new: value,
        })),
      ),
    turned: (now, before) => turn(page.roots()[0].data, explorer.address(), now, before),
    tell: (words) => {
      document.getElementById("missing").textContent = words
    },
  })
  for (const event of waiting) hear(event)
  const follow = () => explorer.go(location.hash ? explorer.named(location.hash.slice(1)) : explorer.first)
  window.addEventListener("popstate", follow)
  if (location.hash) follow()
}

/** Target element of an event, also inside the shadow roots of views. */
const targetOf = (event) => /** @type {any} */ (event.composedPath()[0])

/** Reset the select that was used last to its earlier value. */
let restore = () => {}
window.addEventListener(
  "focusin",
  (event) => {
    const target = targetOf(event)
    const { value } = target
    if (target.localName === "select") {
      restore = () => {
        target.forget?.()
        target.value = value
      }
    }
  },
  true,
)

/** After a change of state, bring the view of the new selection to the front, and update the address. */
function turn(shell, address, now, before) {
  if (now.concept && now.concept !== before.concept) shell.setv({ tab: "detail", front: "detail" })
  else if (now.class_name !== before.class_name) shell.setv({ front: "knowledge" })
  if (now !== before && address !== location.hash.slice(1)) history.pushState(null, "", `#${address}`)
}

/** The page, once Bokeh has made it. */
function drawn() {
  return new Promise((resolve) => {
    const look = () => {
      if (window.Bokeh?.documents[0]) resolve(window.Bokeh.documents[0])
      else setTimeout(look, 20)
    }
    look()
  })
}

begin()

// --- what is left out ------------------------------------------------------------------------------

/** Controls that need a server are not drawn; a choice that one shows stays, as text. */
const LEFT_OUT = new window.CSSStyleSheet()
LEFT_OUT.replaceSync(`
:is(
  .btn, .icon-btn, .link, .back, .thumb, .group-thumb, .add, .suggest, .lift, .find, .seg, .handle, .grip
):not(.offline, dialog *, [role=tablist] *) { display: none !important; }
.bk-input-group { display: none !important; }
.notes > input { pointer-events: none; }
.notes > input::placeholder { color: transparent !important; }
.select:not(.offline, dialog *) { pointer-events: none; background: none; }
.select:not(.offline, dialog *) > .icon { display: none; }
.field:has(> .seg:not(.offline)) { display: none !important; }`)
const attach = Element.prototype.attachShadow
Element.prototype.attachShadow = function attachShadow(options) {
  const root = attach.call(this, options)
  root.adoptedStyleSheets = [LEFT_OUT]
  return root
}

// --- what works -----------------------------------------------------------------------------------

const within = (event, selector) => event.composedPath().some((place) => place.matches?.(selector))

/** Whether what an event is at works here: the nearest of a control and of what works decides. */
function works(event) {
  if (within(event, ALWAYS)) return true
  return (
    event
      .composedPath()
      .find((place) => place.matches?.(`${HERE}, ${CONTROLS}`))
      ?.matches(HERE) ?? false
  )
}

function refuse(event) {
  event.stopImmediatePropagation()
  event.preventDefault()
}

for (const kind of ["click", "change", "input"]) {
  window.addEventListener(
    kind,
    (event) => {
      if (!works(event)) refuse(event)
    },
    true,
  )
}
for (const kind of ["dblclick", "contextmenu"]) {
  window.addEventListener(
    kind,
    (event) => {
      if (!within(event, ALWAYS)) refuse(event)
    },
    true,
  )
}
window.addEventListener(
  "pointerdown",
  (event) => {
    if (within(event, DRAGGED)) event.stopImmediatePropagation()
  },
  true,
)
window.addEventListener(
  "keydown",
  (event) => {
    if (within(event, DRAGGED) && event.key !== "Tab") return event.stopImmediatePropagation()
    const typed = targetOf(event).matches?.(FIELDS) || PRESSES.test(event.key)
    if (!within(event, ALWAYS) && !MOVES.test(event.key) && !(typed && works(event))) {
      event.stopImmediatePropagation()
    }
  },
  true,
)
