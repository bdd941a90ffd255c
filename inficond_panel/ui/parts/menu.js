// A menu that opens beside a button, and its popover.

import { boxOf, placeAt } from "../boxes.js"
import { iconButton, walkOn } from "../controls.js"
import { h, set, unless } from "../elements.js"

/** A popover beside the element that opened it; Escape or a press outside closes it. */
export function popUp(root, attributes) {
  const box = h("div", { class: "pop", popover: "auto", ...attributes })
  root.append(box)
  let from = null
  let held = false // the focus, which with the next frame the browser takes from what is hidden
  const holds = () => box.contains(box.getRootNode().activeElement)
  box.addEventListener("beforetoggle", () => {
    held = holds()
  })
  box.addEventListener("toggle", (event) => {
    const free = document.activeElement === document.body
    if (event.newState === "closed" && held && (free || holds())) from?.focus()
  })
  const open = (anchor, back = anchor) => {
    from = back
    box.showPopover()
    const place = boxOf(anchor)
    placeAt(box, place, 4, place.right - box.offsetWidth)
  }
  const isOpen = () => box.matches(":popover-open")
  return {
    box,
    open,
    isOpen,
    close: () => {
      if (isOpen()) box.hidePopover()
    },
  }
}

/** `open(anchor, back, title, items)`; an item is {name, key, off, run}, `off` says why not. */
export function popMenu(root) {
  const { box, open, isOpen, close } = popUp(root, { role: "menu" })
  const entry = ({ name, key, off, run }) =>
    h(
      "button",
      {
        role: "menuitem",
        tabindex: -1,
        "aria-disabled": off ? "true" : null,
        title: off || null,
        onclick: () => {
          if (!off) {
            close()
            run()
          }
        },
      },
      h("span", {}, name),
      off ? h("span", { class: "muted small" }, off) : h("kbd", { "aria-hidden": "true" }, key),
    )
  box.addEventListener("keydown", (event) => {
    if (event.key === "Tab") close()
  })
  walkOn(box, { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity })
  return {
    close,
    isOpen,
    open: (anchor, back, title, items) => {
      box.replaceChildren(...items.map(entry))
      set(box, "aria-label", title)
      open(anchor, back)
      box.firstElementChild.focus()
    },
  }
}

/** A button with a menu to save the rows shown; `save(kind)` asks for the file. */
export function saveRows(menu, save) {
  const label = "Save the rows shown"
  const entry = (words, kind) => ({ name: words, key: "", run: () => save(kind) })
  const button = iconButton(
    "download",
    label,
    () =>
      menu.open(button, button, label, [
        entry("Rows shown as CSV", "csv"),
        entry("Rows shown as JSON", "json"),
      ]),
    { class: unless("export", "icon-btn"), "aria-haspopup": "menu" },
  )
  return button
}
