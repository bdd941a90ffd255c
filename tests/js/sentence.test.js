// The sentence on a student, where only what people who begin need is shown.

import assert from "node:assert/strict"
import { test } from "node:test"
import { sentenceOf } from "../../inficond_panel/views/knowledge/panels/sentence.js"

const model = { student: "dog", teacher: [], status: { kind: "idle" }, summary: {}, shift: {}, shiftless: "", refit: 2 }
const change = { text: "+1.0 points", noise: false }

test("what the refit has just done goes before what is wrong, and that before the change since the start", () => {
  const all = { ...model, status: { kind: "done", change }, shift: { plain: "It leans on leash." }, summary: { since: { text: "+3.0 points", noise: true } } }
  assert.equal(sentenceOf(all), "#2 changed the AP of dog by +1.0 points.")
  assert.equal(sentenceOf({ ...all, status: { kind: "idle" } }), "It leans on leash.")
  assert.equal(sentenceOf({ ...all, status: { kind: "idle" }, shift: {} }), "Since the start the AP of dog has changed by +3.0 points, which may be chance.")
  assert.equal(sentenceOf(model), "")
  assert.equal(sentenceOf({ ...all, teacher: ["The teacher does not know 'dog'.", "Check it."] }), "The teacher does not know 'dog'. Check it.")
})
