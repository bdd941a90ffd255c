// Pictures of the gallery: requested in batches when they come near the visible part.

import { h, s } from "../elements.js"
import { onMessage } from "../model.js"

const NEARBY = "160px" // distance from the visible part at which pictures are requested
const KEPT = 1000 // largest number of pictures that a page keeps

/** `want(row)` asks for a picture; `observe(element)` does when the element comes near, in `list`. */
export function makePictures(model, list = null) {
  const known = new Map()
  const waiting = new Set()
  const asked = new Set()
  const near = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (isIntersecting) want(/** @type {any} */ (target).row)
      }
    },
    { root: list, rootMargin: `${NEARBY} 0px` },
  )

  function want(row) {
    if (known.has(row.row) || asked.has(row.row)) return
    asked.add(row.row)
    if (!waiting.size) setTimeout(send)
    waiting.add(row.row)
  }
  function send() {
    model.send_msg({ action: "pictures", rows: [...waiting] })
    waiting.clear()
  }
  const listeners = new Set()
  let photo = {}
  let photoAsked = null
  let photosThere = false
  /** The photo that an image was made from, asked for if need be: null until it comes, and where
      there is none. */
  function photoOf({ row }) {
    if (photoAsked !== row) {
      photoAsked = row
      model.send_msg({ action: "photo", row })
    }
    return photo.row === row && photo.source ? photo : null
  }
  onMessage(model, (message) => {
    if (message.photo) {
      photo = message.photo
      photosThere = Boolean(photo.source)
      listeners.forEach((listener) => listener(photo.row))
    }
    if (!message.pictures || message.outlined !== model.outlined) return
    for (const [row, picture] of Object.entries(message.pictures)) known.set(Number(row), picture)
    for (const row of [...known.keys()].slice(0, -KEPT)) {
      known.delete(row)
      asked.delete(row)
    }
    listeners.forEach((listener) => listener())
  })
  return {
    want,
    get: (row) => known.get(row),
    photoOf,
    photosThere: () => photosThere,
    observe: (element) => near.observe(element),
    onarrival: (listener) => listeners.add(listener),
    forget: () => {
      known.clear()
      asked.clear()
      waiting.clear()
    },
  }
}

/** What stands for an image without a photo: its caption, as text, or its id. */
const nameOf = ({ image, caption }) =>
  caption
    ? h("q", { title: `${image}: ${caption}` }, h("bdi", {}, caption))
    : h("b", { class: "clip", title: image }, h("bdi", {}, image))

/** Values of a row of a table, each beside the name of its column. */
const valuesOf = ({ values }) =>
  values
    ? h(
        "span",
        { class: "values" },
        values.flatMap(([name, value]) => [h("bdi", {}, name), " ", h("span", { class: "num" }, value), " "]),
      )
    : ""

/** The image, cut to fill its place, and the outline of the segment: white on black. Without a
    photo the image's caption stands there, or its id, and what is known of a row. */
export function drawPicture(place, picture, row, fit) {
  if (!picture) return place.replaceChildren()
  if (!picture.source) {
    const score = picture.score ? h("span", { class: "num" }, picture.score) : ""
    return place.replaceChildren(h("span", { class: "no-photo" }, nameOf(picture), score, valuesOf(picture)))
  }
  const image = h("img", { src: picture.source, alt: "", decoding: "async", draggable: "false" })
  const over = s(
    "svg",
    {
      viewBox: `0 0 ${picture.width} ${picture.height}`,
      preserveAspectRatio: `xMidYMid ${fit}`,
      "aria-hidden": "true",
    },
    s("path", { d: picture.outline, class: "under" }),
    s("path", { d: picture.outline, class: "line" }),
  )
  place.replaceChildren(image, picture.outline ? over : "")
}
