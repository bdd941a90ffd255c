// Lists and grids of thousands of items, of which only those near the visible part are built.

export const ASK_EVERY = 120 // ms of rest before a request: none for rows that a quick scroll only passes

/** Places to show of `size`, in rows of `columns` that are `step` pixels high: those in view and a
    row more at each end; `current`, which the Tab key goes to, wherever it is scrolled to. */
export function placesNear(scroller, { size, columns = 1, step }, current) {
  const first = Math.max(0, Math.floor(scroller.scrollTop / step) - 1) * columns
  const last = Math.min(size, Math.ceil((scroller.scrollTop + scroller.clientHeight) / step + 1) * columns)
  const places = Array.from({ length: Math.max(0, last - first) }, (_, index) => first + index)
  if (size && current < first) places.unshift(current)
  if (size && current >= last) places.push(current)
  return places
}

/** Scroll just far enough to show the item. */
export function bringNear(scroller, { columns = 1, step }, at) {
  const top = Math.floor(at / columns) * step
  scroller.scrollTop = Math.min(top, Math.max(scroller.scrollTop, top + step - scroller.clientHeight))
}

/** Index of the item that a key goes to from `at`; undefined for other keys. */
export function placeOf(key, scroller, { size, columns = 1, step }, at) {
  const page = Math.max(1, Math.floor(scroller.clientHeight / step)) * columns
  const sideways = columns > 1 ? { ArrowRight: 1, ArrowLeft: -1 } : {}
  const by = {
    ...sideways,
    ArrowDown: columns,
    ArrowUp: -columns,
    PageDown: page,
    PageUp: -page,
    Home: -Infinity,
    End: Infinity,
  }[key]
  return by === undefined ? undefined : Math.max(0, Math.min(size - 1, at + by))
}
