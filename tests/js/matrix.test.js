// Places of the matrix: sizes of cells, the part that the plot covers, cells that keys go to.

import "./vocabulary.js"
import assert from "node:assert/strict"
import { test } from "node:test"

const { USUAL, cellAfter, cellSize, coveredPart, offsetFor, placesInView } = await import("../../inficond_panel/views/matrix/geometry.js")

test("columns share the room, and have a least and a most width", () => {
  assert.deepEqual(cellSize({ width: 500, height: 300 }, 100, 16, USUAL), { wide: 31, high: 24 })
  assert.deepEqual(cellSize({ width: 500, height: 300 }, 100, 200, USUAL), { wide: 24, high: 24 })
  assert.deepEqual(cellSize({ width: 317, height: 300 }, 100, 16, USUAL), { wide: 19, high: 24 }) // all in view
  assert.deepEqual(cellSize({ width: 500, height: 300 }, 100, 2, USUAL), { wide: 76, high: 24 })
})

test("the smallest zoom has all cells in view", () => {
  assert.deepEqual(cellSize({ width: 500, height: 400 }, 2000, 200, 0), { wide: 2.5, high: 0.2 })
})

test("the plot covers what is in view, and all of a short list", () => {
  assert.deepEqual(coveredPart(0, 600, 900), [0, 900])
  for (const offset of [0, 1000, 5000, 47400]) {
    const [start, end] = coveredPart(offset, 600, 48000)
    assert.ok(start <= offset && offset + 600 <= end && end - start <= 3000)
  }
})

test("places in view are the few around it, and the one that the keys are at", () => {
  assert.deepEqual(placesInView(240, 48, 24, 2000, 500), [9, 10, 11, 12, 500])
  assert.deepEqual(placesInView(0, 48, 24, 3, 1), [0, 1, 2])
})

test("a place comes into view by no more than it takes", () => {
  assert.equal(offsetFor(10, 0, 100, 24), 164)
  assert.equal(offsetFor(1, 100, 100, 24), 24)
  assert.equal(offsetFor(5, 100, 100, 24), 100)
})

test("arrow keys stay within the matrix, other keys are none of its own", () => {
  const size = { rows: 10, columns: 4, page: 6 }
  assert.deepEqual(cellAfter("ArrowUp", { row: 0, column: 2 }, size), { row: 0, column: 2 })
  assert.deepEqual(cellAfter("PageDown", { row: 3, column: 2 }, size), { row: 9, column: 2 })
  assert.deepEqual(cellAfter("End", { row: 3, column: 2 }, size), { row: 3, column: 3 })
  assert.equal(cellAfter("a", { row: 3, column: 2 }, size), undefined)
})
