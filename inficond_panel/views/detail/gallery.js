// The gallery: a grid of thousands of images, of which only those near the visible part are built.

import { h, keyed, set, setAll } from "../../ui/elements.js"
import { FILL_NAMES } from "../../ui/numbers.js"
import { ASK_EVERY, bringNear, placeOf, placesNear } from "../../ui/lists/near.js"
import { drawPicture } from "../../ui/photos/pictures.js"

const PRESENCE = { 1: "present", 0: "absent", "-1": "not labelled" }

const GAP = 8
const PAD = 10 // pixels between tiles, and above and below them
const NARROWEST = 70
const LEAST_ROWS = 2
const SQUEEZED = 0.75
const STRETCHED = 1.2 // of a tile's usual height, so that whole rows are in view

/** `show(rows)` fills it; `open(at)` is called for the tile that is clicked. */
export function makeGallery(pictures, open) {
  const grid = h("div", { class: "grid", role: "presentation" })
  const element = h(
    "div",
    { class: "gallery scroll", role: "list", "aria-label": "Images", tabindex: -1 },
    grid,
  )
  let rows = []
  let current = 0
  let plan = null
  let asking = 0

  function draw() {
    plan = planOf(grid.clientWidth, element.clientHeight - PAD, rows.length)
    grid.style.height = `${plan.height}px`
    keyed(
      grid,
      placesNear(element, plan, current),
      (at) => rows[at].row,
      makeTile,
      (tile, at) => fillTile(tile, at),
    )
    asking ||= setTimeout(ask, ASK_EVERY)
  }
  function fillTile(tile, at) {
    const row = rows[at]
    const x = (at % plan.columns) * (plan.width + GAP)
    const y = Math.floor(at / plan.columns) * plan.step
    const size = `width: ${plan.width}px; height: ${plan.step - GAP}px`
    tile.style.cssText = `${size}; transform: translate(${x}px, ${y}px)`
    Object.assign(tile, { row, at })
    setAll(tile, { "aria-posinset": at + 1, "aria-setsize": rows.length })
    tile.button.tabIndex = at === current ? 0 : -1
    tile.swatch.className = `fill swatch ${row.fill}`
    tile.swatch.hidden = !row.fill
    paint(tile)
  }
  function paint(tile) {
    const picture = pictures.get(tile.row.row)
    set(tile.button, "aria-label", describe(tile.row, picture))
    if (tile.painted === picture) return
    tile.painted = picture
    drawPicture(tile.frame, picture, tile.row, "slice")
  }
  function ask() {
    asking = 0
    for (const tile of grid.children) pictures.want(tile.row)
  }
  function go(at) {
    current = at
    bringNear(element, plan, at)
    draw()
    const tile = [...grid.children].find((each) => each.at === current)
    tile.button.focus({ preventScroll: true })
  }

  element.addEventListener("scroll", () => requestAnimationFrame(draw), { passive: true })
  element.addEventListener("click", (event) => {
    const tile = event.target.closest(".tile")
    if (!tile) return
    current = tile.at
    open(tile.at)
  })
  element.addEventListener("keydown", (event) => {
    const tile = event.target.closest(".tile")
    const to = tile && placeOf(event.key, element, plan, tile.at)
    if (to === undefined || !tile) return
    event.preventDefault()
    go(to)
  })
  pictures.onarrival(() => {
    for (const tile of grid.children) paint(tile)
  })
  new ResizeObserver(draw).observe(element)
  return {
    element,
    show(shown) {
      rows = shown
      current = Math.min(current, Math.max(0, rows.length - 1))
      draw()
    },
    home() {
      current = 0
      element.scrollTop = 0
    },
  }
}

/** Number of tiles, columns, width of a tile, height of a row with its gap, and of all, in a view
    of `width` by `room` pixels. */
function planOf(width, room, size) {
  const narrowest = Math.max(NARROWEST, 0.12 * width)
  const columns = Math.max(1, Math.floor((width + GAP) / (narrowest + GAP)))
  const tile = Math.max(1, (width - GAP * (columns - 1)) / columns)
  const usual = 0.75 * tile
  const rows = Math.max(LEAST_ROWS, Math.round((room + GAP) / (usual + GAP)))
  const high = Math.max(SQUEEZED * usual, Math.min(STRETCHED * usual, (room + GAP) / rows - GAP))
  const step = high + GAP
  return { size, columns, width: tile, step, height: Math.ceil(size / columns) * step - GAP }
}

function makeTile() {
  const frame = h("span", { class: "picture" })
  const swatch = h("i", { "aria-hidden": "true" })
  const button = h("button", { tabindex: -1 }, frame, swatch)
  return Object.assign(h("div", { class: "tile", role: "listitem" }, button), { button, frame, swatch })
}

function describe(row, picture) {
  const score = picture?.score ? `concept score ${picture.score}` : ""
  const known = picture ? [picture.image, picture.caption, score] : []
  const facts = [...known.filter(Boolean), FILL_NAMES[row.fill], `class ${PRESENCE[row.label]}`]
  return `Image ${facts.join(", ")}`
}
