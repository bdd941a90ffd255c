// Places of a long list that are there, and the place that a key goes to.

import assert from "node:assert/strict"
import { test } from "node:test"
import { bringNear, placeOf, placesNear } from "../../inficond_panel/ui/lists/near.js"

const view = (scrollTop, clientHeight = 100) => ({ scrollTop, clientHeight })
const list = { size: 1000, step: 20 }
const grid = { size: 1000, columns: 3, step: 20 }

test("rows in view are there, and one more at each end", () => {
  assert.deepEqual(placesNear(view(0), list, 0), [0, 1, 2, 3, 4, 5])
  assert.deepEqual(placesNear(view(200), list, 12), [9, 10, 11, 12, 13, 14, 15])
  assert.deepEqual(placesNear(view(0, 20), grid, 0), [0, 1, 2, 3, 4, 5])
})

test("the current place is there wherever the list is scrolled to", () => {
  assert.deepEqual(placesNear(view(200, 20), list, 0), [0, 9, 10, 11])
  assert.deepEqual(placesNear(view(0, 20), list, 999), [0, 1, 999])
})

test("a list does not go on behind its end, and an empty one has no place", () => {
  assert.deepEqual(placesNear(view(0), { size: 2, step: 20 }, 0), [0, 1])
  assert.deepEqual(placesNear(view(0), { size: 0, step: 20 }, 0), [])
})

test("scrolling goes no farther than it must", () => {
  const scroller = view(200)
  bringNear(scroller, list, 12) // 240 to 260 is in view already
  assert.equal(scroller.scrollTop, 200)
  bringNear(scroller, list, 20) // 400 to 420 ends where the view does
  assert.equal(scroller.scrollTop, 320)
  bringNear(scroller, list, 3)
  assert.equal(scroller.scrollTop, 60)
})

test("keys go by a row, a page or to an end, and stay in the list", () => {
  const scroller = view(0)
  assert.equal(placeOf("ArrowDown", scroller, list, 4), 5)
  assert.equal(placeOf("ArrowUp", scroller, list, 0), 0)
  assert.equal(placeOf("PageDown", scroller, list, 4), 9)
  assert.equal(placeOf("PageUp", scroller, grid, 20), 5)
  assert.equal(placeOf("Home", scroller, list, 500), 0)
  assert.equal(placeOf("End", scroller, list, 500), 999)
  assert.equal(placeOf("ArrowRight", scroller, grid, 4), 5)
  assert.equal(placeOf("ArrowRight", scroller, list, 4), undefined)
  assert.equal(placeOf("x", scroller, list, 4), undefined)
})
