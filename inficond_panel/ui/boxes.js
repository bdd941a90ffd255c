// Places of boxes in the window, hover cards, and lists in them.

import { h, listenWhile } from "./elements.js"
import { count } from "./numbers.js"

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

/** Keep the heads of columns over them: where the list has a scrollbar, its width is left free. */
export function keepAligned(head, scroller) {
  new ResizeObserver(() =>
    head.style.setProperty("--scrollbar", `${scroller.offsetWidth - scroller.clientWidth}px`),
  ).observe(scroller)
}
