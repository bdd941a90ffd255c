// Save the students of an iteration, the edits file of its branch, or the page as it is.

import { icon } from "../../ui/controls.js"
import { h, keyed, set, text } from "../../ui/elements.js"
import { watch } from "../../ui/model.js"
import { titledDialog } from "../../ui/parts/dialog.js"
import { saveFiles } from "../../ui/parts/save_file.js"
import { networkDialog } from "./network_dialog.js"
import { pocketDialog } from "./pocket_dialog.js"

const FORMAT_WORDS = {
  npz: ["NumPy archive", "weights, intercepts, thresholds and names"],
  onnx: ["ONNX model", "from concept scores to logits, probabilities, decisions"],
  sklearn: ["JSON for scikit-learn", "read by load_students as an estimator"],
}

/** A command for a node, whose line breaks only between arguments. */
const commandParts = (name, node, last) =>
  [`inficond ${name} SPEC `, `--node ${node} `, last].map((part) => h("span", { class: "whole" }, part))

export function exportDialog(root, model, say) {
  const choices = h("fieldset", {}, h("legend", {}, "Students as"))
  const zip = h(
    "button",
    { class: "btn primary", onclick: () => say("export_students", { node, formats: chosen() }) },
    icon("download"),
    "Save zip",
  )
  const edits = h(
    "button",
    { class: "btn", onclick: () => say("export_edits", { node }) },
    "Save edits file only",
  )
  const page = h(
    "button",
    {
      class: "btn",
      title: "As it is now, to be explored and not changed; opens without a server or network",
      onclick: () => say("export_page"),
    },
    "Save page as HTML",
  )
  const status = h("span", { class: "told small", role: "status" })
  const command = h("code", {})
  const pixels = h("p", { class: "muted" }, "A model that reads photos is too large for the page: ", command)
  const network = networkDialog(root, model, say, () => dialog.close())
  const pocket = pocketDialog(root, model, say, () => dialog.close())
  const { dialog, heading } = titledDialog(
    root,
    "export",
    "",
    h("span", { class: "grow" }),
    choices,
    h(
      "p",
      { class: "muted" },
      "The zip also holds the model card, with metrics on the tuning images, " +
        "and the edits file that replays the branch from #0.",
    ),
    pixels,
    network.section,
    pocket.section,
    h("footer", {}, zip, edits, page, status),
  )
  let node = ""

  const chosen = () => [...choices.querySelectorAll("input:checked")].map((input) => input.value)
  const settle = () => {
    zip.disabled = model.exporting.busy || !chosen().length
    edits.disabled = page.disabled = Boolean(model.exporting.busy)
  }
  const make = ({ name }) =>
    h(
      "label",
      { class: "format" },
      h("input", { type: "checkbox", value: name, onchange: settle }),
      h("span", {}, h("b", {}, FORMAT_WORDS[name]?.[0] ?? name), h("span", { class: "muted small" })),
    )
  const update = (element, { name, file, missing }) => {
    const input = element.firstChild
    if (input.disabled !== Boolean(missing)) input.checked = false
    input.disabled = Boolean(missing)
    if (!element.dataset.seen) input.checked = name === "npz"
    element.dataset.seen = "yes"
    text(element.lastChild.lastChild, missing || `${file}: ${FORMAT_WORDS[name]?.[1] ?? ""}`)
  }
  const list = h(
    "div",
    { class: "formats" },
    h("i", { class: "bone" }),
    h("i", { class: "bone" }),
    h("i", { class: "bone" }),
  )
  choices.append(list)
  watch(model, ["exporting"], () => {
    const { formats = [], status: told = "", error = "" } = model.exporting
    if (formats.length) list.querySelectorAll(".bone").forEach((bone) => bone.remove())
    if (formats.length) keyed(list, formats, (each) => each.name, make, update)
    text(status, error || told)
    set(status, "data-kind", error ? "error" : null)
    pixels.hidden = !model.exporting.pixels
    settle()
  })
  saveFiles(model)
  return {
    open: (row) => {
      node = row.id
      text(heading, `Export ${row.title}`)
      command.replaceChildren(...commandParts("export", row.id, "--format onnx-pixels"))
      network.show(row)
      pocket.show(row)
      say("find_formats")
      dialog.showModal()
    },
  }
}
