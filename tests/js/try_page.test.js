// The page of a small network: its numbers, by hand, and its places.

import assert from "node:assert/strict"
import { test } from "node:test"
import {
  hidden,
  otherCells,
  outlineOf,
  strongestCells,
} from "../../inficond_panel/try_page/scripts/places.js"
import { reduceInto, resized } from "../../inficond_panel/try_page/scripts/resize.js"
import {
  contributionsOf,
  linearOf,
  logitsOf,
  outcomesOf,
} from "../../inficond_panel/try_page/scripts/students.js"

// two classes, three concepts; the second class does not use the third concept
const FACTS = {
  task: "multi_label",
  link: "sigmoid",
  intercepts: [-1, 0.5],
  thresholds: [0, 3],
  means: [0.5, 0.25, 0],
  weights: [
    [
      [0, 2],
      [1, -4],
      [2, 1],
    ],
    [
      [0, 1],
      [1, 8],
    ],
  ],
}
const SCORES = [1, 0.5, -1]

const close = (values, expected) =>
  values.forEach((value, at) =>
    assert.ok(Math.abs(value - expected[at]) < 1e-12, `${value}, ${expected[at]}`),
  )

test("a logit is the intercept and the sum of weight × score", () => {
  close(logitsOf(FACTS, SCORES), [-1 + 2 - 2 - 1, 0.5 + 1 + 4])
})

test("a contribution is weight × (score − mean)", () => {
  close(
    contributionsOf(FACTS, SCORES, 0).map((part) => part.value),
    [1, -1, -1],
  )
})

test("a concept that counts twice adds its contribution once more", () => {
  close(linearOf(FACTS, SCORES, { 0: { 1: 2 } }), [-2 - 1, 5.5])
})

test("a concept that does not count leaves an average photo as it was", () => {
  close(linearOf(FACTS, FACTS.means, { 0: { 0: 0, 1: 0 } }), linearOf(FACTS, FACTS.means))
  close(linearOf(FACTS, SCORES, { 0: { 0: 0 } }), [-2 - 1, 5.5])
})

test("with a softmax a what-if of one class changes the log-odds of all", () => {
  const joint = { ...FACTS, link: "softmax" }
  close(logitsOf(joint, SCORES), [-7.5, 7.5])
  close(logitsOf(joint, SCORES, { 0: { 1: 0 } }), [-6.5, 6.5])
})

test("a class is present above its threshold", () => {
  const found = outcomesOf(FACTS, [0, 3.5])
  assert.deepEqual(
    found.map((each) => each.present),
    [false, true],
  )
  close([found[0].probability, found[1].probability], [0.5, 1 / (1 + Math.exp(-3.5))])
})

test("with one class per photo the likeliest is present, and probabilities add up to 1", () => {
  const found = outcomesOf({ ...FACTS, task: "single_label" }, [0, Math.log(3)])
  assert.deepEqual(
    found.map((each) => each.present),
    [false, true],
  )
  close(
    found.map((each) => each.probability),
    [0.5 / 1.25, 0.75 / 1.25],
  )
})

test("probabilities of one class are exact where every sigmoid underflows", () => {
  const found = outcomesOf({ ...FACTS, task: "single_label" }, [-800, -800])
  close([found[0].probability, found[1].probability], [0.5, 0.5])
})

const grey = (values, width) => ({
  levels: Uint8ClampedArray.from(values.flatMap((value) => [value, value, value])),
  width,
  height: values.length / width,
})
const reds = ({ levels }) => [...levels].filter((_, at) => at % 3 === 0)

test("bilinear at half the size weighs four pixels by 1, 3, 3, 1", () => {
  const small = reds(resized(grey([0, 80, 160, 240, 80, 0, 0, 0], 8), 4, 1, "bilinear"))
  // pixel 1: (80 + 3 × 160 + 3 × 240 + 80) / 8
  assert.equal(small[1], 170)
})

test("nearest takes the pixel at the centre", () => {
  assert.deepEqual(reds(resized(grey([10, 20, 30, 40], 4), 2, 1, "nearest")), [20, 40])
})

test("a size that stays is left alone", () => {
  assert.deepEqual(reds(resized(grey([10, 20, 30, 40], 2), 2, 2, "bicubic")), [10, 20, 30, 40])
})

test("a photo is reduced by the mean of squares, smaller ones at the edge", () => {
  const rows = [
    [10, 20, 7],
    [30, 40, 9],
  ]
  const strip = Uint8ClampedArray.from(rows.flat().flatMap((value) => [value, value, value, 255]))
  const made = new Uint8ClampedArray(6)
  reduceInto(made, 0, strip, 3, 2, 2)
  assert.deepEqual(reds({ levels: made }), [25, 8])
})

test("a hidden cell is 0 in all channels, and nothing else is", () => {
  const input = new Float32Array(3 * 12 * 12).fill(1)
  const copy = hidden(input, [12, 12], [7]) // row 1, column 1: pixels 2 and 3
  const zeros = [...copy].flatMap((value, at) => (value === 0 ? [at] : []))
  const of = [26, 27, 38, 39]
  assert.deepEqual(zeros, [...of, ...of.map((at) => at + 144), ...of.map((at) => at + 288)])
  assert.ok(input.every((value) => value === 1))
})

test("the strongest cells take half as much as the strongest, or more", () => {
  assert.deepEqual(strongestCells(1, [1, 0.2, 0.6, 0.61, 1.5]), [1, 2])
  assert.deepEqual(strongestCells(1, [1, 1.2]), [])
})

test("other cells are as many, and none of the outline", () => {
  for (const cells of otherCells([0, 1, 2])) {
    assert.equal(new Set(cells).size, 3)
    assert.ok(cells.every((cell) => cell > 2 && cell < 36))
  }
  assert.deepEqual(otherCells(Array.from({ length: 20 }, (_, cell) => cell)), [])
})

test("an outline has the edges between inside and outside alone", () => {
  assert.equal(outlineOf([0, 1]), "M0 0h1M0 1h1M0 0v1M1 0h1M1 1h1M2 0v1")
})
