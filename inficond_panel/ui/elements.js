// Elements, their attributes and text, keyed lists, the focus and listeners.
// All text goes in as text nodes or attributes, never as HTML.

const SVG = "http://www.w3.org/2000/svg"

/** Attributes that a person reads. */
const READ = ["title", "aria-label", "aria-valuetext", "placeholder"]
const IMAGE = /\b([Aa]n )?([Ii])mage(s?)\b/g
let called = "image"

/** From now on the component's sentences say `word` (row, caption) in place of image. What people or
    data say is in a `bdi` or `q`, which keep their text. */
export function callImages(word) {
  called = word
}

/** A sentence with the word that the images of the store are called by. */
export function inWords(sentence) {
  if (called === "image" || typeof sentence !== "string") return sentence
  return sentence.replace(IMAGE, (_, article = "", first, many) => {
    const word = first === "I" ? called[0].toUpperCase() + called.slice(1) : called
    return article.replace("n ", " ") + word + many // a row, a caption
  })
}

const keepsText = (element) => ["bdi", "q"].includes(element.localName)

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
  const words = keepsText(element) ? (child) => child : inWords
  const shown = children.flat().filter((child) => child != null && child !== false)
  element.append(...shown.map(words))
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
export function set(element, name, given) {
  const value = READ.includes(name) && !keepsText(element) ? inWords(given) : given
  if (value == null || value === false) element.removeAttribute(name)
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value)
}

export function text(element, given) {
  const value = keepsText(element) ? given : inWords(given)
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

/** A control that works in a page without a server too (static_page.js). */
export function offline(control) {
  control.classList.add("offline")
  return control
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
export const isShown = (element) => [element, ...element.children].some((each) => each.checkVisibility())

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
