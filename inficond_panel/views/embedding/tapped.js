// The concept that a tap on the map means, in a page without a server: as plots/concept_map.py has it.

const REACH = 9 // a tap within so many pixels of a concept means that concept
const AROUND = 4 // pixels beyond a large mark

/** Name of the concept whose dot is nearest to the tap `x`, `y` on a figure; null for none. */
export function tappedConcept(figure, x, y) {
  const dots = figure.renderers
    ?.map(({ data_source }) => data_source?.data ?? {})
    .find((data) => data.name && data.diameter)
  if (!dots) return null
  const across = figure.inner_width / (figure.x_range.end - figure.x_range.start)
  const down = figure.inner_height / (figure.y_range.end - figure.y_range.start)
  const beyond = [...dots.name].map(
    (_, at) =>
      Math.hypot(across * (dots.x[at] - x), down * (dots.y[at] - y)) -
      Math.max(REACH, dots.diameter[at] / 2 + AROUND),
  )
  const nearest = beyond.indexOf(Math.min(...beyond))
  return beyond[nearest] <= 0 ? dots.name[nearest] : null
}
