// Places of the matrix in pixels of its style: sizes of cells, parts in view, cells under the pointer.

export const ZOOMS = [0, 0.6, 1, 1.5, 2] // times the usual size of a cell; 0: all cells are in view
export const USUAL = ZOOMS.indexOf(1)
const ROW = 24, LEAST = 24, MOST = 76 // pixels: height of a row, width of a column
const SNUG = 18 // pixels of a column that are enough, where all columns are in view so
const WHOLE = 6 // pixels from which on a cell has a whole number of them, so that lines are sharp
const COVERED = 3000 // pixels that the plot covers at once: no canvas is of any size

/** Width and height of a cell where there is room for the whole matrix of so many rows and columns. */
export function cellSize(room, rows, columns, zoom) {
  const scale = ZOOMS[zoom]
  const share = room.width / Math.max(columns, 1), least = (share < SNUG ? LEAST : SNUG) * scale
  const wide = Math.min(Math.max(share, least), MOST * Math.max(1, scale))
  const high = Math.max(ROW * scale, Math.min(ROW, room.height / Math.max(rows, 1)))
  return { wide: whole(wide), high: whole(high) }
}

const whole = (pixels) => (pixels < WHOLE ? pixels : Math.floor(pixels))

/** Part of `length` pixels that the plot covers, so that it need not move with each step of a scroll.
    @returns {[number, number]} */
export function coveredPart(offset, view, length) {
  const step = Math.max(1, (COVERED - view) / 2)
  const start = Math.max(0, Math.min(Math.floor((offset - step / 2) / step) * step, length - COVERED))
  return [start, Math.min(length, start + COVERED)]
}

/** Places along an axis that are in view, one more at each end, and `current`. */
export function placesInView(offset, view, step, size, current) {
  const first = Math.max(0, Math.floor(offset / step) - 1), last = Math.min(size, Math.ceil((offset + view) / step) + 1)
  const places = Array.from({ length: Math.max(0, last - first) }, (_, at) => first + at)
  if (current < first) places.unshift(current)
  if (current >= last && current < size) places.push(current)
  return places
}

/** Offset that is nearest to `offset` and has the place `at` in view. */
export const offsetFor = (at, offset, view, step) => Math.min(at * step, Math.max(offset, (at + 1) * step - view))

/** The cell that an arrow key and the like goes to; undefined for other keys. */
export function cellAfter(key, { row, column }, { rows, columns, page }) {
  const to = {
    ArrowUp: [row - 1, column], ArrowDown: [row + 1, column], ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1],
    PageUp: [row - page, column], PageDown: [row + page, column], Home: [row, 0], End: [row, columns - 1],
  }[key]
  const within = (at, size) => Math.max(0, Math.min(size - 1, at))
  return to && { row: within(to[0], rows), column: within(to[1], columns) }
}
