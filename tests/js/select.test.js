// A select whose choices are answered later, one after the other.

import assert from "node:assert/strict"
import { test } from "node:test"

const { lastChoice } = await import("../../inficond_panel/ui/controls.js")

test("without a choice the model's value is shown", () => assert.equal(lastChoice().over(2), "2"))

test("an answer to an earlier choice does not take the last one back", () => {
  const choice = lastChoice()
  choice.take("3")
  choice.take("5")
  assert.deepEqual([2, 3, 5, 2].map(choice.over), ["5", "5", "5", "2"])
})

test("a choice that is refused, or given up, is not shown for ever", () => {
  let moment = 0
  const choice = lastChoice(() => moment)
  choice.take("5")
  assert.equal(choice.over(2), "5")
  moment = 5001
  assert.equal(choice.over(2), "2")
  choice.take("3")
  choice.forget()
  assert.equal(choice.over(2), "2")
})
