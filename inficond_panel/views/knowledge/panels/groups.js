// Groups of images of the student: how often the class is found and wrongly called in each, worst first.

import { drawOnce, h, set, text } from "../../../ui/elements.js"
import { ofTeacher } from "./teacher.js"

const NAME = "Groups by"

/** What divides the images is typed; the field offers columns, properties, classes and strong concepts. */
export function makeGroups(model) {
  const offered = h("datalist", { id: "dividers" })
  const field = h("input", {
    type: "text",
    list: "dividers",
    maxlength: 200,
    placeholder: "column, property, class or concept",
    "aria-label": NAME,
    spellcheck: "false",
    autocomplete: "off",
    onchange: () => {
      model.group_by = field.value.trim()
    },
  })
  field.addEventListener("keydown", (event) => event.stopPropagation()) // keys of the page are letters
  const told = h("p", { role: "status" })
  const table = h("table", { class: "by", "aria-label": "Groups of images" })
  const label = h("label", { class: "find group-by" }, h("span", {}, NAME), field)
  const element = h("section", { class: "slices groups" }, label, offered, told, table)
  let shown = null
  const draw = () => {
    const { heads = [], level = "", rows = [], told: words = "" } = model.groups
    if (shown !== model.group_by) field.value = shown = model.group_by
    drawOnce(offered, JSON.stringify(model.dividers), () =>
      model.dividers.map((value) => h("option", { value })),
    )
    text(told, words)
    told.hidden = !words
    table.hidden = !rows.length
    drawOnce(table, JSON.stringify(model.groups), () => [
      headOf(heads, level),
      h(
        "tbody",
        {},
        rows.map((row) => line(row, model)),
      ),
    ])
  }
  return { element, draw }
}

const headOf = (heads, level) =>
  h(
    "thead",
    {},
    h(
      "tr",
      {},
      heads.map((name, at) => h("th", { scope: "col", title: at > 1 && level ? level : null }, name)),
    ),
  )

function line({ name, key, images, found, called, worst, teacher }, model) {
  const pick = h(
    "button",
    {
      class: "link",
      title: "Pick these images",
      onclick: () => model.send_msg({ action: "open_group", group: key }),
    },
    images,
  )
  const row = h(
    "tr",
    {},
    h("th", { scope: "row", class: "clip", title: name }, name),
    h("td", { class: "num" }, pick),
    h("td", { class: "num" }, found, ofTeacher(...teacher.found)),
    h("td", { class: "num" }, called, ofTeacher(...teacher.called)),
  )
  set(row, "class", worst ? "worst" : null)
  return row
}
