// Fading edges of a row that is scrolled sideways.

/** Let the row fade at an edge beyond which it goes on; returns what to call when its content has changed. */
export function fadeEdges(row) {
  const mark = () => {
    const { scrollLeft, scrollWidth, clientWidth } = row
    row.classList.toggle("more-before", scrollLeft > 1)
    row.classList.toggle("more-after", scrollLeft + clientWidth < scrollWidth - 1)
  }
  row.addEventListener("scroll", mark, { passive: true })
  row.addEventListener("load", mark, true) // of an image, which has its width then
  new ResizeObserver(mark).observe(row)
  return mark
}
