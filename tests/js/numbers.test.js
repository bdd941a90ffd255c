// Numbers as the page writes them; the values are written by hand.

import assert from "node:assert/strict"
import { test } from "node:test"
import {
  count,
  fixed,
  interval,
  isNumber,
  percent,
  points,
  ring,
  signed,
} from "../../inficond_panel/ui/numbers.js"

const UNDEFINED = [null, undefined, NaN, Infinity, -Infinity, "1"]

test("only finite numbers are numbers", () => {
  for (const value of [0, -1.5, 1e300]) assert.equal(isNumber(value), true)
  for (const value of UNDEFINED) assert.equal(isNumber(value), false)
})

test("what is undefined is a dash", () => {
  for (const value of UNDEFINED) {
    assert.equal(fixed(value, 2), "–")
    assert.equal(signed(value, 2), "–")
    assert.equal(points(value), "–")
    assert.equal(count(value), "–")
    assert.equal(ring(value), "–")
  }
})

test("a minus is no hyphen, and 0 has no sign", () => {
  assert.equal(fixed(-1.25, 1), "\u22121.3")
  assert.equal(signed(1.125, 2), "+1.13")
  assert.equal(signed(-1.5, 2), "\u22121.50")
  assert.equal(signed(0, 2), "0.00")
  assert.equal(signed(-0.0001, 2), "0.00")
})

test("changes are in percentage points", () => {
  assert.equal(points(0.019), "+1.9")
  assert.equal(points(-0.1), "\u221210.0")
  assert.equal(interval(-0.01, 0.025), "[\u22121.0, +2.5]")
  assert.equal(interval(null, 0.5), "")
})

test("a ring says 1 for all, never for nearly all", () => {
  assert.equal(ring(0), ".00")
  assert.equal(ring(0.694), ".69")
  assert.equal(ring(0.9994), ".99")
  assert.equal(ring(0.9996), "1")
})

test("counts have groups of three; a share of nothing is a dash", () => {
  assert.equal(count(2476), "2,476")
  assert.equal(percent(1, 3), "33 %")
  assert.equal(percent(0, 5), "0 %")
  assert.equal(percent(0, 0), "–")
})
