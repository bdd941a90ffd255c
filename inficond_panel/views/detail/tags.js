// Tags of the large image, and a field to add a tag.

import { icon } from "../../ui/controls.js"
import { drawOnce, h, text } from "../../ui/elements.js"
import { LENGTHS } from "../../ui/vocabulary.js"

/** `listed()` gives the images that the arrows go through. */
export function makeTags(model, listed) {
  let row = null
  const own = h("span", { class: "own" })
  const known = h("datalist", { id: "known-tags" })
  const input = h("input", {
    type: "text",
    list: "known-tags",
    maxlength: LENGTHS.tag,
    placeholder: "Add a tag",
    "aria-label": "Add a tag",
    autocomplete: "off",
  })
  const all = h("button", {
    class: "btn plain",
    title: "Give all images listed this tag",
    onclick: () => put(listed().map((each) => each.row)),
  })
  const element = h("div", { class: "tags" }, own, input, all, known)
  const send = (rows, tag, on) => model.send_msg({ action: "tag", rows, tag, on })
  function put(rows) {
    if (input.value.trim()) send(rows, input.value.trim(), true)
    input.value = ""
  }
  input.addEventListener("keydown", (event) => {
    event.stopPropagation() // in the field, arrow keys move the text cursor
    if (event.key !== "Enter") return
    event.preventDefault()
    put([row])
  })
  const chip = (tag) =>
    h(
      "span",
      { class: "chip" },
      h(
        "button",
        {
          title: `Images tagged ${tag}`,
          onclick: () => {
            element.closest("dialog").close()
            model.send_msg({ action: "open_tagged", tag })
          },
        },
        h("bdi", {}, tag),
      ),
      h(
        "button",
        { class: "off", "aria-label": `Take the tag ${tag} away`, onclick: () => send([row], tag, false) },
        icon("cross", 10),
      ),
    )
  const draw = () => {
    const tags = model.tagged[row] ?? []
    drawOnce(own, JSON.stringify([row, tags]), () => tags.map(chip))
    drawOnce(known, JSON.stringify(model.known_tags), () =>
      model.known_tags.map((tag) => h("option", { value: tag })),
    )
    text(all, `All ${listed().length}`)
  }
  return {
    element,
    draw,
    show: (shown) => {
      row = shown.row
      draw()
    },
  }
}
