// Helpers of all views: elements, text, keyed lists, hover cards, formats.
// All text goes in as text nodes or attributes, never as HTML.

const SVG = "http://www.w3.org/2000/svg"
const MINUS = "\u2212"

/** Element `tag` with attributes (`on…` are listeners, null is left out) and children. A button sends
    no form unless its `type` says so. */
export function h(tag, attributes = {}, ...children) {
  return fill(
    document.createElement(tag),
    tag === "button" ? { type: "button", ...attributes } : attributes,
    children,
  )
}

/** A sentence with the names in it isolated, so that a name in right-to-left letters moves no number. */
export function isolated(sentence, names) {
  const known = names.filter(Boolean).sort((a, b) => b.length - a.length)
  if (!known.length) return [sentence]
  const escaped = known.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
  const parts = sentence.split(new RegExp(`(${escaped.join("|")})`))
  return parts.map((part, at) => (at % 2 ? h("bdi", {}, part) : part))
}

export function s(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children)
}

function fill(element, attributes, children) {
  setAll(element, attributes)
  element.append(...children.flat().filter((child) => child != null && child !== false))
  return element
}

export function setAll(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value)
    else set(element, name, value)
  }
}

/** Whether an action (export, holdout, photos, class) is not allowed; the server refuses it too. */
export const isClosed = (right) => (document.documentElement.dataset.closed ?? "").split(" ").includes(right)

/** CSS classes of a control, hidden where its action is not allowed. */
export const unless = (right, classes) => (isClosed(right) ? `${classes} shut` : classes)

/** Set an attribute only if it differs, so that an update does not touch unchanged elements. */
export function set(element, name, value) {
  if (value == null || value === false) element.removeAttribute(name)
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value)
}

export function text(element, value) {
  if (element.textContent !== String(value)) element.textContent = value
}

/** Replace the content only when `key` changed: a live region must not speak again for nothing. A
    control that has the focus passes it on to the one with its label. */
export function drawOnce(element, key, content) {
  if (element.dataset.drawn === key) return
  const held = element.querySelector("[aria-label]:focus")?.getAttribute("aria-label")
  element.dataset.drawn = key
  element.replaceChildren(...content())
  if (!held) return
  const labelled = [...element.querySelectorAll("[aria-label]")]
  labelled.find((each) => each.getAttribute("aria-label") === held)?.focus({ preventScroll: true })
}

/** Make the children of `parent` the elements of `items`, reusing those whose key is the same:
    focus, scroll position and listeners survive. `make(key)` creates, `update(element, item)` fills. */
export function keyed(parent, items, key, make, update) {
  const keys = new Set(items.map((item) => String(key(item))))
  const old = new Map()
  for (const child of [...parent.children]) {
    if (keys.has(child.dataset.key)) old.set(child.dataset.key, child)
    else child.remove() // remove first, so that no kept element moves: a move loses the focus
  }
  let place = parent.firstElementChild
  items.forEach((item, index) => {
    const id = String(key(item))
    let child = old.get(id)
    if (!child) {
      child = make(item)
      child.dataset.key = id
    }
    if (child === place) place = place.nextElementSibling
    else parent.insertBefore(child, place)
    update(child, item, index)
  })
}

// Numbers: AP 0.742, in rings .69, change +1.9 points, influence +1.12, counts 2,476, "–" if undefined.
export const isNumber = (value) => typeof value === "number" && Number.isFinite(value)
export const fixed = (value, digits) => (isNumber(value) ? value.toFixed(digits).replace("-", MINUS) : "–")
export function ring(value) {
  if (!isNumber(value)) return "–"
  return value >= 0.9995 ? "1" : Math.min(value, 0.99).toFixed(2).slice(1) // 1 means all: 0.996 becomes .99
}
export const count = (value) => (isNumber(value) ? value.toLocaleString("en-US") : "–")
export const percent = (part, whole) => (whole > 0 ? `${Math.round((100 * part) / whole)} %` : "–")
export function signed(value, digits) {
  if (!isNumber(value)) return "–"
  const shown = Math.abs(value).toFixed(digits)
  return (Number(shown) === 0 ? "" : value < 0 ? MINUS : "+") + shown
}
export const points = (value) => signed(isNumber(value) ? 100 * value : value, 1)
export const interval = (low, high) => (isNumber(low) ? `[${points(low)}, ${points(high)}]` : "")

/** Who is right on an image, by the name of its fill. */
export const FILL_NAMES = {
  "both-right": "both right",
  "student-wrong": "teacher right, student wrong",
  "both-wrong": "both wrong",
  "teacher-wrong": "student right, teacher wrong",
  "": "label ignored",
}

const CUFF = "M2.5 10.5h4v10h-4z"
const HAND =
  "M6.5 11l4.8-7.6c1.6 0 2.6 1.2 2.2 2.8l-.9 3.6h6.5c1.3 0 2.2 1.2 1.9 2.4l-1.7 6.7c-.2.9-1 1.6-2 1.6H6.5"
export const ICONS = {
  down: ["M7 10l5 5 5-5"],
  search: ["M5 11a6 6 0 1012 0a6 6 0 10-12 0", "M16 16l4.5 4.5"],
  order: ["M8 4v15M4.5 15.5L8 19l3.500-3.500M16 20V5M12.500 8.500L16 5l3.500 3.500"],
  lock: ["M7 11h10a2 2 0 012 2v5a2 2 0 01-2 2H7a2 2 0 01-2-2v-5a2 2 0 012-2z", "M8 11V8a4 4 0 018 0v3"],
  thumb: [CUFF + HAND],
  cross: ["M6 6l12 12M18 6L6 18"],
  download: ["M12 4v11M7 11l5 5 5-5M5 20h14"],
  undo: ["M8 5L4 9l4 4M4 9h10a5.5 5.5 0 010 11H9"],
  redo: ["M16 5l4 4-4 4M20 9H10a5.5 5.5 0 000 11h5"],
  note: ["M12 3.500a8.500 8.500 0 100 17a8.500 8.500 0 000-17", "M12 11v5M12 8h.01"],
  more: ["M12 5.5v.01M12 12v.01M12 18.500v.01"],
  compare: ["M4 5h6v14H4zM14 5h6v14h-6z"],
  grid: ["M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h6v6h-6z"],
  bin: ["M5 7h14M9.500 7V4.500h5V7M7 7l.8 12.500h8.4L17 7"],
}

export function icon(name, size = 16) {
  const attributes = { class: "icon", width: size, height: size, viewBox: "0 0 24 24", "aria-hidden": "true" }
  return s(
    "svg",
    attributes,
    ICONS[name].map((d) => s("path", { d })),
  )
}

/** A button with an icon; what it does is its label, and its title unless `more` has another. */
export const iconButton = (name, label, onclick, more = {}) =>
  h("button", { class: "icon-btn", "aria-label": label, title: label, onclick, ...more }, icon(name))

/** A native select in the look of the views. `options` are [value, label]; `onpick(value)`; its
    `control` is what `choiceOf` makes. */
export function select(label, options, value, onpick, prefix = null) {
  const list = options.map(([id, name]) =>
    h("option", { value: id, selected: id === value ? "" : null }, name),
  )
  const control = choiceOf(label, list, onpick)
  return h(
    "label",
    { class: "select" },
    prefix && h("span", { class: "prefix", "aria-hidden": "true" }, prefix),
    control,
    icon("down", 14),
  )
}

/** A native select. Its `show(value)` gives it the model's value, but for answers to earlier choices than
    the last one; `forget()` where that has become idle. It gives the keys back to the page once something
    is chosen by pointer; by keys a person may go on to the next option. */
export function choiceOf(label, options, onpick) {
  const last = lastChoice()
  let pressed = false
  const pick = () => {
    if (pressed) control.blur() // before it may be drawn anew
    last.take(control.value)
    onpick(control.value)
  }
  const control = h(
    "select",
    {
      "aria-label": label,
      onpointerdown: () => {
        pressed = true
      },
      onkeydown: () => {
        pressed = false
      },
      onchange: pick,
    },
    options,
  )
  control.show = (value) => {
    control.value = last.over(value)
  }
  control.forget = last.forget
  return control
}

const PATIENCE = 5000 // ms to wait for the answer to a choice: the server may have refused it

/** Value of a control: the latest choice, until the model has it. */
export function lastChoice(now = Date.now) {
  let asked = null
  let since = 0
  const forget = () => {
    asked = null
  }
  return {
    forget,
    take: (value) => {
      asked = String(value)
      since = now()
    },
    /** The choice over a value of the model, or that value where no choice is under way. */
    over: (value) => {
      if (String(value) === asked || now() > since + PATIENCE) forget()
      return asked ?? String(value)
    },
  }
}

/** A control that works in a page without a server too (static_page.js). */
export function offline(control) {
  control.classList.add("offline")
  return control
}

/** Whether a key belongs to the field with the focus; for a select, only keys that find an option. */
export function isTyping(event) {
  const [target] = event.composedPath()
  if (target.localName === "select") {
    return /^[\p{L}\p{N}]$/u.test(event.key) && !event.ctrlKey && !event.metaKey
  }
  return target.isContentEditable || /^(input|textarea)$/.test(target.localName ?? "")
}

/** All elements below `root`, also those in shadow roots. */
export function elementsIn(root) {
  return [...root.querySelectorAll("*")].flatMap((element) => [
    element,
    ...(element.shadowRoot ? elementsIn(element.shadowRoot) : []),
  ])
}

/** The element with the focus, where `element` or a shadow root in it has it; else null. */
export function focusedIn(element) {
  let held = element.getRootNode().activeElement
  if (!held || !element.contains(held)) return null
  while (held.shadowRoot?.activeElement) held = held.shadowRoot.activeElement
  return held
}

/** Whether an element is drawn; one without a box (display: contents) by its children. */
const isShown = (element) => [element, ...element.children].some((each) => each.checkVisibility())

/** Listen at the window or the document as long as an element is on the page. */
export function listenWhile(element, target, type, run, capture = false) {
  target.addEventListener(
    type,
    function heard(event) {
      if (element.isConnected) run(event)
      else target.removeEventListener(type, heard, capture)
    },
    capture,
  )
}

/** Run when a key is pressed anywhere on the page but in a field, as long as the element is shown. */
export function onKey(element, key, run) {
  listenWhile(element, document, "keydown", (event) => {
    if (event.key.toLowerCase() !== key.toLowerCase() || event.ctrlKey || event.metaKey || event.altKey) {
      return
    }
    if (isTyping(event) || !isShown(element)) return
    event.preventDefault()
    run()
  })
}

/** A search box, and the key that goes to it from anywhere on the page. */
export function findBox(name, key) {
  const input = h("input", {
    type: "search",
    placeholder: name,
    "aria-label": name,
    "aria-keyshortcuts": key,
    spellcheck: "false",
    autocomplete: "off",
    maxlength: 200,
  })
  onKey(input, key, () => input.select())
  return {
    input,
    element: h(
      "label",
      { class: "find", title: `${name} (${key})` },
      icon("search", 14),
      input,
      h("kbd", { "aria-hidden": "true" }, key),
    ),
  }
}

/** Keys that move the focus among the buttons of `group`, from the last on to the first; -Infinity and
    Infinity are its ends. `then(button)` follows. */
export function walkOn(group, steps, then = (/** @type {HTMLElement} */ _button) => {}) {
  group.addEventListener("keydown", (event) => {
    const step = steps[event.key]
    const buttons = [...group.children]
    const size = buttons.length
    if (!step || event.altKey || event.ctrlKey || event.metaKey) return
    event.preventDefault()
    const at = buttons.indexOf(event.target.closest("button"))
    const next = buttons.at(Number.isFinite(step) ? (at + step) % size : Math.min(0, -Math.sign(step)))
    next.focus()
    then(next)
  })
}

/** A segmented control: a radio group with arrow keys. Returns the element; `show(value)` marks. */
export function segments(label, options, onpick) {
  const buttons = options.map(([id, ...names]) =>
    h("button", { role: "radio", "data-value": id, onclick: () => onpick(id) }, names),
  )
  const group = h("div", { class: "seg", role: "radiogroup", "aria-label": label }, buttons)
  walkOn(group, { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }, (next) =>
    onpick(next.dataset.value),
  )
  group.show = (value) =>
    buttons.forEach((button) => {
      set(button, "aria-checked", String(button.dataset.value === value))
      set(button, "tabindex", button.dataset.value === value ? 0 : -1)
    })
  return group
}

/** How much larger the page draws an element. Rectangles and pointers are in pixels of the window;
    what an element's own style says, and its client and offset sizes, are not. */
export const zoomOf = (element) => element.currentCSSZoom ?? 1

/** Rectangle of an element, in the pixels of its own style. */
export function boxOf(element) {
  const zoom = zoomOf(element)
  const { x, y, width, height } = element.getBoundingClientRect()
  return new DOMRect(x / zoom, y / zoom, width / zoom, height / zoom)
}

/** Width and height of the window above the page's notice, in the pixels of an element's style. */
export const windowOf = (element) => ({
  width: window.innerWidth / zoomOf(element),
  height: Number(document.documentElement.dataset.free ?? window.innerHeight) / zoomOf(element),
})

/** Place a box that is shown below a rectangle, `gap` away, or above it where there is no room; its left
    side at `left`, but inside the window. */
export function placeAt(box, { top, bottom }, gap, left) {
  const screen = windowOf(box)
  const hasRoom = bottom + gap + box.offsetHeight <= screen.height
  const above = Math.max(8, Math.min(top - gap, screen.height) - box.offsetHeight)
  box.style.left = `${Math.max(8, Math.min(left, screen.width - box.offsetWidth - 8))}px`
  box.style.top = `${hasRoom ? bottom + gap : above}px`
}

/** One hover card a view, in the top layer: `show(anchor, children)` places it beside the anchor.
    Children may be a function: `again()` calls it once more while the card is open. `clear` is an
    element that it leaves free where there is room at its left. */
export function hoverCard(root) {
  const card = h("div", { class: "card", role: "tooltip", popover: "manual" })
  let shown = null
  root.append(card)
  const show = (anchor, children, clear = null) => {
    shown = [anchor, children, clear]
    card.replaceChildren(...(typeof children === "function" ? children() : children))
    card.showPopover()
    const box = boxOf(anchor)
    placeAt(card, box, 6, box.left)
    const free = clear && boxOf(clear).left - card.offsetWidth - 8
    if (free >= 8) {
      card.style.left = `${free}px`
      card.style.top = `${Math.max(8, Math.min(box.top, windowOf(card).height - card.offsetHeight - 8))}px`
    }
  }
  const hide = () => card.hidePopover()
  for (const act of ["keydown", "pointerdown"]) listenWhile(card, document, act, hide, true)
  return {
    show,
    hide,
    again: () => {
      if (card.matches(":popover-open")) show(...shown)
    },
  }
}

/** Term and description pairs of a hover card; a third column if the items have three parts. */
export function details(items) {
  const columns = Math.max(...items.map((item) => item.length))
  const cells = items.flatMap(([term, ...values]) => [
    h("dt", {}, term),
    ...values.map((value) => h("dd", {}, value)),
  ])
  return h("dl", { class: columns > 2 ? "three" : null }, cells)
}

/** Items of a list that are shown before the others are folded; one alone is not. */
const FIRST = 3

/** The first items of a list, and a last item that unfolds the others, made by `list`. */
export function folded(names, items, list) {
  const rest = names.slice(FIRST)
  if (rest.length < 2) return items
  const named = rest.slice(0, FIRST).join(", ") + (rest.length > FIRST ? ", …" : "")
  const line = `and ${count(rest.length)} more: ${named}`
  return [
    ...items.slice(0, FIRST),
    h("li", {}, h("details", {}, h("summary", {}, line), list(items.slice(FIRST)))),
  ]
}

/** A time as text, in the reader's time zone. */
export const timeOf = (time) =>
  new Date(time).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" })

/** Seconds as minutes and seconds: 1:05. */
export const clockOf = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`

/** Keep the heads of columns over them: where the list has a scrollbar, its width is left free. */
export function keepAligned(head, scroller) {
  new ResizeObserver(() =>
    head.style.setProperty("--scrollbar", `${scroller.offsetWidth - scroller.clientWidth}px`),
  ).observe(scroller)
}

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
