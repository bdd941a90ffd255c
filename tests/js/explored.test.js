// What a saved page holds: states, pictures, addresses; and the concept that a tap on its map means.

import "./vocabulary.js"
import assert from "node:assert/strict"
import { test } from "node:test"
import { deflateSync } from "node:zlib"

const { makeExplorer, unpack } = await import("../../inficond_panel/views/page/explored.js")
const { tappedConcept } = await import("../../inficond_panel/views/embedding/tapped.js")

const RECORD = {
  places: [
    ["m1", "rows"],
    ["m2", "title"],
    ["m3", "pictures"],
  ],
  states: [
    ["aaaaaaaaaaaa", "dog", "", [0, 2, 4]],
    ["aaaaaaaaaaaa", "dog", "fur", [0, 3, 5]],
    ["aaaaaaaaaaaa", "cat", "", [1, 2, 4]],
    ["bbbbbbbbbbbb", "cat", "", [0, 2, 4]],
  ],
  values: [
    "dogs",
    "cats",
    "none",
    "fur",
    { pictures: { 7: 0 } },
    { outlined: "fur", pictures: { 1: { source: 1, image: "one" }, 2: { source: -1, image: "two" } } },
  ],
  pictures: ["patch", "photo"],
  numbers: { aaaaaaaaaaaa: "#1", bbbbbbbbbbbb: "#0" },
  command: "inficond serve my.yaml",
}

function open() {
  const heard = { changes: [], words: "", turns: 0 }
  const explorer = makeExplorer(RECORD, {
    set: (changes) => {
      heard.changes = changes
    },
    turned: () => {
      heard.turns += 1
    },
    tell: (words) => {
      heard.words = words
    },
  })
  return { explorer, heard }
}

test("a state changes what differs, and what the reader has changed", () => {
  const { explorer, heard } = open()
  assert.equal(explorer.go({ class_name: "cat" }), true)
  assert.deepEqual(heard.changes, [{ model: "m1", name: "rows", value: "cats" }])
  explorer.forget("m2", "title")
  explorer.go({ class_name: "dog" })
  assert.deepEqual(
    heard.changes.map(({ value }) => value),
    ["dogs", "none"],
  )
  assert.equal(heard.words, "")
})

test("without a state for the concept its class is shown; without any nothing is", () => {
  const { explorer, heard } = open()
  explorer.go({ concept: "fur" })
  assert.equal(explorer.go({ node: "bbbbbbbbbbbb", class_name: "cat" }), true)
  assert.match(
    heard.words,
    /Charts and images of fur, cat, #0: not in this file. Open it with: inficond serve my.yaml/,
  )
  assert.equal(explorer.go({ concept: "sky" }), false)
  assert.equal(explorer.address(), "class=cat&at=bbbbbbbb")
  assert.equal(explorer.go({ class_name: "constructor" }), false)
  assert.match(heard.words, /constructor, #0: not in this file/)
})

test("pictures are those of the state; a gallery says which it lacks", () => {
  const { explorer } = open()
  assert.deepEqual(explorer.pictures("m3", [7, 8]), { pictures: { 7: "patch" } })
  assert.equal(explorer.pictures("m1", [7]), null)
  explorer.go({ concept: "fur" })
  const { outlined, pictures } = explorer.pictures("m3", [1, 2, 3])
  assert.equal(outlined, "fur")
  assert.deepEqual(pictures[1], { source: "photo", image: "one" })
  assert.deepEqual(pictures[2], { source: "", image: "two" })
  assert.equal(pictures[3].image, "not saved")
})

test("an address is read as it is written", () => {
  const { explorer } = open()
  explorer.go({ concept: "fur" })
  assert.deepEqual(explorer.named(explorer.address()), {
    node: "aaaaaaaaaaaa",
    class_name: "dog",
    concept: "fur",
  })
  assert.deepEqual(explorer.named("class=a%26b"), { class_name: "a&b", concept: "" })
})

test("a record is read as it was packed", async () => {
  const content = deflateSync(JSON.stringify({ states: ["é"] })).toString("base64")
  assert.deepEqual(await unpack(content), { states: ["é"] })
})

test("a tap means the nearest concept within reach, of large marks farther away", () => {
  const data = { name: ["near", "large"], x: [0, 1], y: [0, 0], diameter: [4, 30] }
  const figure = {
    inner_width: 100,
    inner_height: 100,
    x_range: { start: 0, end: 1 },
    y_range: { start: 0, end: 1 },
    renderers: [{ data_source: { data: {} } }, { data_source: { data } }],
  }
  assert.equal(tappedConcept(figure, 0.08, 0), "near")
  assert.equal(tappedConcept(figure, 0.1, 0), null)
  assert.equal(tappedConcept(figure, 0.82, 0), "large") // 18 pixels away, 15 + 4 in reach
  assert.equal(tappedConcept({ renderers: [] }, 0, 0), null)
})
