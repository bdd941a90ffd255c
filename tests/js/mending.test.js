// The line on a shift, when its panel is closed.

import "./vocabulary.js"
import assert from "node:assert/strict"
import { test } from "node:test"

const { lineOf } = await import("../../inficond_panel/views/knowledge/panels/mending.js")

const shift = (...suspects) => ({ kind: "shift", sentence: "Shift: it loses much.", suspects })

test("the line names what a student leans on, and says why it leans on what is at 0", () => {
  assert.equal(lineOf(shift({ concept: "pole" }), ""), "It leans on pole, which holds on fit and not on tune")
  assert.equal(
    lineOf(shift({ concept: "pole" }, { concept: "sky" }, { concept: "sea", carried: true }), ""),
    "It leans on pole and sky, and through other concepts on sea, which hold on fit and not on tune",
  )
  assert.equal(lineOf(shift({ concept: "sea", carried: true }), ""), "It leans through other concepts on sea, which holds on fit and not on tune")
  assert.equal(lineOf(shift(), ""), "it loses much.")
})
