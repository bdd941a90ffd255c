// The line on a shift, when its panel is closed.

import "./vocabulary.js"
import assert from "node:assert/strict"
import { test } from "node:test"

const { lineOf } = await import("../../inficond_panel/views/knowledge/panels/mending.js")

const shift = (...suspects) => ({ kind: "shift", sentence: "Shift: it loses much.", suspects })

test("the line names what a student relies on, and says why it relies on what is at 0", () => {
  assert.equal(lineOf(shift({ concept: "pole" }), ""), "It relies on pole, less correlated with the class in tuning images than in training images")
  assert.equal(
    lineOf(shift({ concept: "pole" }, { concept: "sky" }, { concept: "sea", carried: true }), ""),
    "It relies on pole and sky, and through other concepts on sea, less correlated with the class in tuning images than in training images",
  )
  assert.equal(lineOf(shift({ concept: "sea", carried: true }), ""), "It relies through other concepts on sea, less correlated with the class in tuning images than in training images")
  assert.equal(lineOf(shift(), ""), "it loses much.")
})
