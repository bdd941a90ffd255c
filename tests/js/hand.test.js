// An influence set by hand: places as values, steps of keys.

import "./vocabulary.js"
import assert from "node:assert/strict"
import { test } from "node:test"

const { directionTo, rounded, stepOf, valueAfter, valueAtPart } =
  await import("../../inficond_panel/views/knowledge/table/influence_value.js")
const { rowContext } = await import("../../inficond_panel/views/knowledge/table/concept_rows.js")

test("a scale has from 100 to 1,000 steps, each a power of ten", () => {
  assert.equal(stepOf(1), 0.01)
  assert.equal(stepOf(9.9), 0.01)
  assert.equal(stepOf(36), 0.1)
  assert.ok(Math.abs(stepOf(0.02) - 0.0001) < 1e-12)
})

test("values are written as a person would, without a sign of 0", () => {
  assert.equal(rounded(-0.4567, 0.01), -0.46)
  assert.equal(rounded(0.30000000000000004, 0.1), 0.3)
  assert.ok(Object.is(rounded(-0.001, 0.01), 0))
  assert.equal(rounded(12345, 10), 12350)
})

test("a place is a value of its range, never beyond the ends", () => {
  assert.equal(valueAtPart(0.5, [-1, 2]), 0.5)
  assert.equal(valueAtPart(1 / 3, [-1, 2]), 0)
  assert.equal(valueAtPart(0, [-1.234, 2]), -1.23)
  assert.equal(valueAtPart(0, [-1.236, 2]), -1.236) // −1.24 would lie beyond
})

test("keys move by a step, with Shift by ten, and to the ends", () => {
  assert.equal(valueAfter("ArrowLeft", false, 0.5, [-1, 2]), 0.49)
  assert.equal(valueAfter("ArrowRight", true, 0.5, [-1, 2]), 0.6)
  assert.equal(valueAfter("PageDown", false, -0.95, [-1, 2]), -1)
  assert.equal(valueAfter("End", false, 0, [-1, 2]), 2)
  assert.equal(valueAfter("u", false, 0, [-1, 2]), undefined)
})

test("the bound points from the influence now to the value", () => {
  assert.equal(directionTo(-0.46, 1.2), "down")
  assert.equal(directionTo(1.3, 1.2), "up")
  assert.equal(directionTo(1.2, 1.2), null)
})

test("the ends of a bar are values that its places give back", () => {
  const model = { status: { kind: "idle" }, ghosts: {}, pending: [], student: "bicycle" }
  const {
    ends: [low, high],
    place,
    strongest,
  } = rowContext(model, [{ concept: "wheel", influence: 4, share: 1, patches: [] }])
  assert.equal(strongest, 4)
  assert.ok(Math.abs(place((low + 0.5 * (high - low)) / 4) - 50) < 1e-9)
  assert.ok(high > 4 && low < 0)
})
