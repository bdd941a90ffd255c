// Where a concept is: which part of the photo takes its score along when grey hides it. This is occlusion
// (Zeiler and Fergus, ECCV 2014): it says what the network needs, not where a thing ends.

/** Cells on each side of the grid. */
export const GRID = 6
/** A cell belongs to the outline if hiding it takes at least this share of what the strongest cell takes. */
const SHARE = 0.5
/** An outline is drawn if hiding it takes at least this share of what the photo has above an average one. */
const LEAST = 0.25
/** Other outlines of as many cells, whose mean is the control. */
const CONTROLS = 4

/** A copy of an input whose cells are grey: 0 is the mean colour of the network's training. */
export function hidden(input, [width, height], cells) {
  const copy = input.slice()
  const edge = (at, side) => Math.round((at * side) / GRID)
  for (const cell of cells) {
    const [row, column] = [Math.floor(cell / GRID), cell % GRID]
    const [left, right] = [edge(column, width), edge(column + 1, width)]
    for (let c = 0; c < 3; c++) {
      for (let y = edge(row, height); y < edge(row + 1, height); y++) {
        const line = (c * height + y) * width
        copy.fill(0, line + left, line + right)
      }
    }
  }
  return copy
}

/** Scores (C,) of a photo with one cell hidden, by cell. `told(done, all)` after each; stops with null once
    `isOver()`. */
export async function scoresWithout(input, size, scores, told, isOver) {
  const found = []
  for (let cell = 0; cell < GRID * GRID; cell++) {
    found.push(await scores(hidden(input, size, [cell])))
    if (isOver()) return null
    told(cell + 1, GRID * GRID)
    await new Promise((next) => setTimeout(next)) // so that the page answers meanwhile
  }
  return found
}

/** Cells whose hiding takes most of a score. */
export function strongestCells(whole, without) {
  const drops = without.map((score) => whole - score)
  const most = Math.max(...drops)
  return most > 0 ? drops.flatMap((drop, cell) => (drop >= SHARE * most ? [cell] : [])) : []
}

/** The place of the concept `at`: its `cells`, the score with all of them hidden, the mean score with as many
    other cells hidden, and whether the outline `holds` the concept. */
export async function placeOf(input, size, scores, whole, without, at, mean) {
  const cells = strongestCells(
    whole[at],
    without.map((each) => each[at]),
  )
  if (!cells.length) return { cells, holds: false }
  const score = (await scores(hidden(input, size, cells)))[at]
  const others = otherCells(cells)
  const elsewhere = []
  for (const other of others) elsewhere.push((await scores(hidden(input, size, other)))[at])
  const control = elsewhere.length ? elsewhere.reduce((sum, each) => sum + each, 0) / elsewhere.length : null
  const taken = whole[at] - score
  const holds = taken >= LEAST * (whole[at] - mean) && (control === null || taken > whole[at] - control)
  return { cells, score, control, holds }
}

/** Sets of as many cells, spread evenly over those outside of the outline; none if it leaves too few. */
export function otherCells(cells) {
  const rest = Array.from({ length: GRID * GRID }, (_, cell) => cell).filter((cell) => !cells.includes(cell))
  if (rest.length < cells.length) return []
  const step = rest.length / cells.length
  return Array.from({ length: CONTROLS }, (_, turn) =>
    cells.map((_, i) => rest[Math.floor(step * i + (turn * step) / CONTROLS)]),
  )
}

/** SVG path of the outline of cells, in a grid of unit squares: each edge between a cell and one outside. */
export function outlineOf(cells) {
  const within = (row, column) =>
    row >= 0 && row < GRID && column >= 0 && column < GRID && cells.includes(row * GRID + column)
  return cells
    .flatMap((cell) => {
      const [row, column] = [Math.floor(cell / GRID), cell % GRID]
      return [
        within(row - 1, column) ? "" : `M${column} ${row}h1`,
        within(row + 1, column) ? "" : `M${column} ${row + 1}h1`,
        within(row, column - 1) ? "" : `M${column} ${row}v1`,
        within(row, column + 1) ? "" : `M${column + 1} ${row}v1`,
      ]
    })
    .join("")
}
