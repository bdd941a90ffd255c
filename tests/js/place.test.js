// Where boxes that are shown beside an element go.

import assert from "node:assert/strict"
import { test } from "node:test"

const { placeAt } = await import("../../inficond_panel/ui/boxes.js")

test("a box is below its place, or above it where it would leave the window or meet its notice", () => {
  const { dataset } = (globalThis.document = { documentElement: { dataset: {} } }).documentElement
  globalThis.window = { innerWidth: 1280, innerHeight: 720 }
  const box = { offsetWidth: 200, offsetHeight: 100, style: {} }
  const tops = (...places) =>
    places.map((top) => {
      placeAt(box, { top, bottom: top + 20 }, 6, 0)
      return box.style.top
    })
  assert.deepEqual(tops(400, 560, 690), ["426px", "586px", "584px"])
  dataset.free = "660"
  assert.deepEqual(tops(400, 560, 690), ["426px", "454px", "560px"])
})
