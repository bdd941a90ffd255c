// The photo of the segment that is pointed at, beside its place on the map.

import { details, hoverCard } from "../../ui/boxes.js"
import { h, set } from "../../ui/elements.js"
import { onMessage } from "../../ui/model.js"
import { drawPicture } from "../../ui/photos/pictures.js"

const REST = 60 // ms between requests: none for segments that the pointer only passes

/** `tell(words)` says what the card shows. */
export function makeSegmentCard(model, plot, root, tell) {
  const spot = h("i", { class: "spot", "aria-hidden": "true", hidden: "" })
  const card = hoverCard(root)
  plot.append(spot)
  let asking = 0
  let at = null
  const hide = () => {
    spot.hidden = true
    card.hide()
  }
  const leave = () => {
    clearTimeout(asking)
    asking = 0
    if (at) model.send_msg({ action: "point", place: null })
    at = null
    hide()
  }
  plot.addEventListener("pointermove", (event) => {
    if (event.buttons || model.lasso) return leave()
    const box = plot.getBoundingClientRect()
    at = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]
    asking ||= setTimeout(() => {
      asking = 0
      model.send_msg({ action: "point", place: at })
    }, REST)
  })
  plot.addEventListener("pointerleave", leave)
  plot.addEventListener("wheel", hide, { passive: true })
  onMessage(model, (message) => {
    if (!("segment" in message)) return
    if (!message.segment) return hide()
    show(message.segment)
  })
  function show(segment) {
    const [x, y] = segment.place
    spot.style.cssText = `left: ${100 * x}%; top: ${100 * y}%`
    spot.hidden = false
    const frame = h("span", { class: "picture" })
    set(frame, "style", `aspect-ratio: ${segment.width} / ${segment.height}`)
    drawPicture(frame, segment, null, "meet")
    card.show(spot, [frame, h("b", {}, segment.image), details(segment.facts)])
    const facts = segment.facts.map(([name, value]) => `${name} ${value}`)
    tell(`Segment of image ${segment.image}: ${facts.join(", ")}`)
  }
  return { hide }
}
