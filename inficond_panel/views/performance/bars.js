// The bars of all rows are one plot that Python draws (plots/performance_bars.py). Here it is laid
// over the list: each class's bars go where its row is, and the plot covers the rows in view.

import { boxOf, zoomOf } from "../../ui/boxes.js"
import { h } from "../../ui/elements.js"
import { FILLS } from "./fills.js"

const MOST = 3000 // pixels of the list that the plot covers at once: no canvas is of any height

/** The element that holds the plot, `align`, for when other rows are `listed` or in another order, and
    `lay`, for when rows have another form. */
export function layBars(model, scroll, list, listed) {
  const place = h("div", { class: "plot", inert: "", "aria-hidden": "true" }, model.get_child("bars"))
  const { source, figure, hatched } = partsOf(model.bars)
  let laid = ""
  let rows = null
  const names = () => listed().map(({ name }) => name)
  const show = () => {
    if (rows) cover(place, figure, source, scroll, rows)
  }
  const align = () => {
    laid = names().join("\n")
    rows = measure(scroll, list, listed().length)
    place.hidden = !rows
    if (!rows) return
    enlarge(hatched, zoomOf(list))
    rows.edges = move(
      rows,
      model.rows.map(({ name }) => name),
      names(),
    )
    show()
    const width = Math.round(rows.width * zoomOf(list))
    if (width > 0 && width !== model.bar_width) model.bar_width = width
  }
  new ResizeObserver(align).observe(list)
  scroll.addEventListener("scroll", show, { passive: true })
  source.connect(source.properties.data.change, () => {
    if (source.data.top !== rows?.top) align()
  })
  return {
    place,
    lay: align,
    align: () => {
      if (names().join("\n") !== laid) align()
    },
  }
}

/** The plot's columns, the plot itself, and the glyphs of the fills that are hatched. */
function partsOf(pane) {
  const models = [...pane.references()]
  const [source, figure] = ["ColumnDataSource", "Figure"].map((kind) =>
    models.find(({ type }) => type === kind),
  )
  const hatched = figure.renderers
    .map(({ glyph }) => glyph)
    .filter(({ hatch_pattern }) => hatch_pattern.value)
    .map((glyph) => ({ glyph, scale: glyph.hatch_scale.value, weight: glyph.hatch_weight.value }))
  return { source, figure, hatched }
}

/** Let stripes grow with the page, which is larger on a large window: Bokeh draws by the window's pixels. */
function enlarge(hatched, zoom) {
  for (const { glyph, scale, weight } of hatched) {
    glyph.setv(
      { hatch_scale: { value: scale * zoom }, hatch_weight: { value: weight * zoom } },
      { sync: false },
    )
  }
}

/** Positions of `size` rows in the list, in CSS pixels; null before the list is laid out. */
function measure(scroll, list, size) {
  const first = list.firstElementChild
  const last = list.lastElementChild
  if (!first?.checkVisibility()) return null
  const row = boxOf(first)
  const bars = [...first.querySelectorAll(".bar")].map(boxOf)
  const left = boxOf(scroll)
  const pitch = first === last ? row.height : (boxOf(last).y - row.y) / (last.at - first.at)
  return {
    left: bars[0].x - left.x,
    width: bars[0].width,
    pitch,
    height: pitch * (size - 1) + row.height,
    sides: bars.map((bar) => [bar.y - row.y, bar.bottom - row.y]),
    pixel: 1 / zoomOf(list), // of the window
  }
}

/** Tops and bottoms of all bars, each class's at its row; NaN for unlisted classes. */
function move(rows, names, listed) {
  const at = new Map(listed.map((name, index) => [name, index]))
  const whole = (y) => Math.round(y / rows.pixel) * rows.pixel
  const edge = (which) =>
    Float64Array.from({ length: names.length * rows.sides.length * FILLS.length }, (_, bar) => {
      const side = Math.floor(bar / FILLS.length)
      const name = names[Math.floor(side / rows.sides.length)]
      return at.has(name)
        ? whole(at.get(name) * rows.pitch + rows.sides[side % rows.sides.length][which])
        : NaN
    })
  return [edge(0), edge(1)]
}

/** Let the plot cover the rows in view and as many on both sides, so that it moves with them. It is
    a pixel wider than the bars on both sides. Bokeh draws all half a pixel too far to the right and
    down, where edges would be blurred; and it draws what cannot be seen, so others have no edges. */
function cover(place, { x_range, y_range }, source, scroll, rows) {
  const { left, width, height, pixel } = rows
  const step = Math.max(1, (MOST - scroll.clientHeight) / 2)
  const start = Math.max(0, Math.min(Math.floor((scroll.scrollTop - step / 2) / step) * step, height - MOST))
  const end = Math.min(height, start + MOST)
  const edge = pixel / width
  Object.assign(place.style, {
    left: `${left - pixel}px`,
    width: `${width + 2 * pixel}px`,
    top: `${start}px`,
    height: `${end - start}px`,
  })
  x_range.setv({ start: -edge / 2, end: 1 + 1.5 * edge }, { sync: false })
  y_range.setv({ start: end + pixel / 2, end: start + pixel / 2 }, { sync: false })
  if (rows.start === start) return
  rows.start = start
  const [top, bottom] = rows.edges.map((edges) => edges.map((y) => (y >= start && y <= end ? y : NaN)))
  rows.top = top
  source.setv({ data: { ...source.data, top, bottom } }, { sync: false })
}
