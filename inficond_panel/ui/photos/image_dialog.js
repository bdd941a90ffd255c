// Dialog with one large image, and the predictions of student and teacher.

import { h, set, text } from "../elements.js"
import { count, FILL_NAMES } from "../numbers.js"
import { closeButton } from "../parts/dialog.js"
import { drawPicture } from "./pictures.js"

const ENLARGED = 4 // largest number of page pixels per pixel of the picture

/** What student and teacher make of an image, as a fact. */
export const verdictOf = (fill) =>
  h(
    "span",
    { class: "verdict" },
    fill ? h("i", { class: `fill swatch ${fill}`, "aria-hidden": "true" }) : "",
    FILL_NAMES[fill],
  )

function sizeOf(photo, { source, width, height, caption }) {
  if (!source) return caption ? "caption, without a photo" : "no photo in this store"
  return photo ? `${photo.width} × ${photo.height} pixels` : `thumbnail, ${width} × ${height} pixels`
}

/** `tell(row, model)` gives the facts beside the picture, [name, value]; `more`, if given, is shown
    below them: an element, and `show(row)`; `over(frame, row)` may lay something over the picture. */
export function makeDialog(root, pictures, tell, more = null) {
  const frame = h("div", { class: "picture" })
  const title = h("b", { id: "image-title" })
  const size = h("span", { class: "muted small num" })
  const facts = h("dl")
  const place_ = h("span", { class: "muted num" })
  const before = h("button", { class: "btn", onclick: () => go(-1) }, "Previous")
  const after = h("button", { class: "btn", onclick: () => go(1) }, "Next")
  const dialog = h(
    "dialog",
    { closedby: "any", class: "large", "aria-labelledby": "image-title" },
    h(
      "div",
      { class: "sheet" },
      h("div", { class: "stage" }, frame),
      h(
        "div",
        { class: "side" },
        h(
          "header",
          {},
          h("div", { class: "grow" }, title, size),
          closeButton(() => dialog.close()),
        ),
        h("div", { class: "scroll told", tabindex: 0 }, facts, more?.element),
        h("footer", {}, before, after, place_),
      ),
    ),
  )
  root.append(dialog)
  let rows = []
  let at = 0
  let model = null

  function show() {
    const row = rows[at]
    pictures.want(row)
    draw(row)
    text(place_, `${count(at + 1)} of ${count(rows.length)}`)
    before.disabled = at === 0
    after.disabled = at === rows.length - 1
    refresh()
    more?.show(row)
  }
  /** Show the thumbnail at once, and the photo when it arrives. */
  function draw(row) {
    const picture = pictures.get(row.row)
    const photo = pictures.photoOf(row)
    const name = row.image ?? picture?.image
    text(title, name == null ? "" : `Image ${name}`)
    text(size, picture ? sizeOf(photo, picture) : "")
    if (!picture) return frame.replaceChildren()
    const isFinal = photo || !pictures.photosThere()
    const widest = isFinal ? `max-width: ${ENLARGED * (photo ?? picture).width}px` : ""
    frame.classList.toggle("bare", !picture.source)
    set(frame, "style", picture.source && `aspect-ratio: ${picture.width} / ${picture.height};${widest}`)
    drawPicture(frame, photo ? { ...picture, source: photo.source } : picture, row, "meet")
  }
  /** Show the facts again, after more facts have arrived. */
  function refresh() {
    if (!rows.length) return
    const picture = pictures.get(rows[at].row)
    const caption = picture?.source && picture.caption ? [["Caption", picture.caption]] : []
    facts.replaceChildren(
      ...[...caption, ...tell(rows[at], model)].flatMap(([name, value]) => [
        h("dt", {}, name),
        h("dd", {}, value),
      ]),
    )
    more?.over?.(frame, rows[at])
  }
  function go(step) {
    const next = at + step
    if (next < 0 || next >= rows.length) return
    at = next
    show()
  }
  dialog.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (step) {
      event.preventDefault()
      go(step)
    }
  })
  pictures.onarrival((photo) => {
    if (!dialog.open) return
    if (photo === undefined && !frame.firstChild) show()
    if (photo === rows[at].row) {
      draw(rows[at])
      refresh()
    }
  })
  return {
    refresh,
    open(shown, index, from) {
      rows = shown
      at = index
      model = from
      show()
      dialog.showModal()
    },
  }
}
