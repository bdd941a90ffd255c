// The line with name and note of an iteration.

import { h, setAll, text } from "../../ui/elements.js"

/** Fields with name and note of the iteration shown; `edit` brings those of another for a while. */
export function noteLine(say) {
  const title = h("b", { class: "num" })
  const field = (what, most, action) =>
    h("input", {
      class: what,
      type: "text",
      maxlength: most,
      placeholder: `Add a ${what}`,
      autocomplete: "off",
      onchange: ({ target }) => say(action, { node: row.id, text: target.value.trim() }),
    })
  const fields = { name: field("name", 80, "rename"), note: field("note", 500, "set_note") }
  const line = h("div", { class: "notes" }, title, fields.name, fields.note)
  let row = {}
  let current = {}
  let back = null
  const fill = (next) => {
    // what is being written stays
    const writing = row.id === next.id && line.matches(":focus-within")
    row = next
    text(title, row.number)
    for (const [what, input] of Object.entries(fields)) {
      setAll(input, {
        "aria-label": `${what === "name" ? "Name" : "Note"} of ${row.number}`,
        title: row[what] || null,
      })
      if (!writing || input.value === input.defaultValue) input.value = row[what]
      input.defaultValue = row[what]
    }
  }
  line.addEventListener("keydown", (event) => {
    event.stopPropagation()
    if (event.key === "Escape") event.target.value = event.target.defaultValue
    else if (event.key !== "Enter") return
    back?.focus() // else Enter sends what has changed, and the focus stays
    back = null
  })
  line.addEventListener("focusout", (event) => {
    if (row.id !== current.id && !line.contains(event.relatedTarget)) fill(current)
  })
  line.edit = (node, what, from) => {
    fill(node)
    back = from
    fields[what].select()
  }
  line.show = (next) => {
    current = next
    if (row.id === current.id || !line.matches(":focus-within")) fill(current)
  }
  return line
}
