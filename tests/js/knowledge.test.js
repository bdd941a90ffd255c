// What the rows of the knowledge view share, and what is pending.

import "./vocabulary.js"
import assert from "node:assert/strict"
import { test } from "node:test"

const { rowContext } = await import("../../inficond_panel/views/knowledge/table/concept_rows.js")
const { isBusy, isFitting, ownPending, shownRows } =
  await import("../../inficond_panel/views/knowledge/shared.js")

const row = (concept, influence, share, similarities = []) => ({
  concept,
  influence,
  share,
  patches: similarities.map((similarity) => ({ similarity })),
})
const model = (changed = {}) => ({
  status: { kind: "idle" },
  ghosts: {},
  pending: [],
  student: "bicycle",
  find: "",
  rows: [],
  found: [],
  ...changed,
})

test("a refit that is being cancelled still runs", () => {
  assert.equal(isFitting({ status: { kind: "fitting" } }), true)
  assert.equal(isFitting({ status: { kind: "cancelling" } }), true)
  assert.equal(isFitting({ status: { kind: "previewing" } }), false)
  assert.equal(isBusy(model({ adding: true })), true)
  assert.equal(isBusy(model()), false)
})

test("only intents of the student shown are its own", () => {
  const pending = [
    { student: "bicycle", concept: "wheel" },
    { student: "sheep", concept: "fur" },
  ]
  assert.deepEqual(ownPending(model({ pending })), [pending[0]])
})

test("rows that were found take the place of those listed, once the search is answered", () => {
  const rows = (find, sought) => shownRows(model({ rows: [1], found: { query: sought, rows: [2] }, find }))
  assert.deepEqual(rows(" ", " "), [1])
  assert.deepEqual(rows("wh", ""), [1])
  assert.deepEqual(rows("wh", "wh"), [2])
  assert.deepEqual(rows("whe", "wh"), [2])
  assert.deepEqual(rows("", "wh"), [1])
})

test("bars of influence share one scale, with room for both signs", () => {
  const { place } = rowContext(model(), [row("wheel", 4, 1), row("sky", -4, -1)])
  assert.equal(place(-1), 1) // 90 percent between the ends, 1 percent beside
  assert.equal(place(1), 91)
  assert.equal(place(0), 46)
})

test("a preview leaves the scale as it is: a ghost beyond it ends at the edge", () => {
  const { ghostShare, place } = rowContext(model({ ghosts: { wheel: 8 } }), [row("wheel", 4, 1)])
  assert.equal(ghostShare("wheel"), 2)
  assert.equal(ghostShare("sky"), null)
  assert.equal(place(2), 100)
  assert.equal(place(1), rowContext(model(), [row("wheel", 4, 1)]).place(1))
})

test("similarities are relative to the largest on screen", () => {
  assert.equal(rowContext(model(), [row("wheel", 4, 1, [0.2, 0.7]), row("sky", 0, 0, [0.3])]).similarity, 0.7)
  assert.equal(rowContext(model(), []).similarity, 0)
})
