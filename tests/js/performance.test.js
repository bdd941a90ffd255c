// Sorts and changes, as the performance and provenance views write them.

import "./vocabulary.js"
import assert from "node:assert/strict"
import { test } from "node:test"

const { SORTS, sum } = await import("../../inficond_panel/views/performance/fills.js")
const { axisOf, toldOf } = await import("../../inficond_panel/ui/parts/whisker.js")

test("each sort of the vocabulary shows its number of a row, a gap in percentage points", () => {
  assert.deepEqual(Object.keys(SORTS), ["gap", "recall"])
  assert.deepEqual(SORTS.recall.head, ["Recall", "Rec."])
  assert.equal(SORTS.recall.show({ recall: 0.5 }), "0.500")
  assert.equal(SORTS.gap.show({ gap: -0.019 }), "\u22121.9")
})

test("counts are summed", () => assert.equal(sum([1, 2, 3]), 6))

test("an axis gives percent of its width", () => {
  const place = axisOf([-10, 30])
  assert.deepEqual([-10, 0, 30].map(place), [0, 25, 100])
})

test("a change within noise says so", () => {
  assert.equal(
    toldOf({ text: "+1.0 points", interval: "[−1.0, +3.0]", noise: true }),
    "+1.0 points [−1.0, +3.0], within noise",
  )
  assert.equal(toldOf({ text: "+1.0 points", interval: "", noise: false }), "+1.0 points")
})
