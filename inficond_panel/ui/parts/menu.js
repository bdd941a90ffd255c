// A menu that opens beside a button, and its popover.

import { boxOf, h, set, windowOf } from "../base.js"

/** A popover beside the element that opened it; Escape or a press outside closes it. */
export function popUp(root, attributes) {
  const box = h("div", { class: "pop", popover: "auto", ...attributes })
  root.append(box)
  let from = null, held = false // the focus, which with the next frame the browser takes from what is hidden
  const holds = () => box.contains(box.getRootNode().activeElement)
  box.addEventListener("beforetoggle", () => { held = holds() })
  box.addEventListener("toggle", (event) => {
    const free = document.activeElement === document.body
    if (event.newState === "closed" && held && (free || holds())) from?.focus()
  })
  const open = (anchor, back = anchor) => {
    from = back
    box.showPopover()
    const place = boxOf(anchor), screen = windowOf(box)
    const below = place.bottom + 4 + box.offsetHeight <= screen.height
    box.style.left = `${Math.max(8, Math.min(place.right - box.offsetWidth, screen.width - box.offsetWidth - 8))}px`
    box.style.top = `${below ? place.bottom + 4 : Math.max(8, place.top - box.offsetHeight - 4)}px`
  }
  return { box, open, close: () => { if (box.matches(":popover-open")) box.hidePopover() } }
}

/** `open(anchor, back, title, items)`; an item is {name, key, off, run}, `off` says why not. */
export function popMenu(root) {
  const { box, open, close } = popUp(root, { role: "menu" })
  const entry = ({ name, key, off, run }) =>
    h("button", { role: "menuitem", type: "button", tabindex: -1, "aria-disabled": off ? "true" : null, title: off || null,
      onclick: () => { if (!off) { close(); run() } } },
    h("span", {}, name), off ? h("span", { class: "muted small" }, off) : h("kbd", { "aria-hidden": "true" }, key))
  box.addEventListener("keydown", (event) => {
    const all = [...box.children]
    const at = all.indexOf(event.target)
    const to = { ArrowDown: (at + 1) % all.length, ArrowUp: (at - 1 + all.length) % all.length, Home: 0, End: all.length - 1 }[event.key]
    if (event.key === "Tab") close()
    if (to === undefined) return
    event.preventDefault()
    all[to].focus()
  })
  return {
    close,
    open: (anchor, back, title, items) => {
      box.replaceChildren(...items.map(entry))
      set(box, "aria-label", title)
      open(anchor, back)
      box.firstElementChild.focus()
    },
  }
}
