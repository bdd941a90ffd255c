// Icons, buttons, choices, search boxes and the keys of the page.

import { h, isShown, listenWhile, s, set } from "./elements.js"
import { PATIENCE } from "./model.js"

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

/** Whether a key belongs to the field with the focus; for a select, only keys that find an option. */
export function isTyping(event) {
  const [target] = event.composedPath()
  if (target.localName === "select") {
    return /^[\p{L}\p{N}]$/u.test(event.key) && !event.ctrlKey && !event.metaKey
  }
  return target.isContentEditable || /^(input|textarea)$/.test(target.localName ?? "")
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
