// Small networks of an iteration: what they cost, their files, and a new one.

import { choiceOf, icon } from "../../ui/controls.js"
import { drawOnce, h, set, text } from "../../ui/elements.js"
import { watch } from "../../ui/model.js"
import { titledDialog } from "../../ui/parts/dialog.js"

const INTRO =
  "One file that goes from a photo to its classes and to the concepts that decided, without the encoder. " +
  "It learns from the photos of this data set and needs no labels."

/** The dialog, and the part of the export dialog that opens it; `leave` closes the latter. */
export function pocketDialog(root, model, say, leave) {
  let row = { id: "", title: "", number: "" }
  const plot = h("div", { class: "plot" }, model.get_child("cost_plot"))
  const list = h("ul")
  const build = builder(model, say, () => row.id)
  const saved = h("p", { class: "told small", role: "status" })
  const results = h("section", { class: "kept", "aria-label": "Built" }, plot, list, saved)
  const { dialog, heading } = titledDialog(
    root,
    "pocket",
    "",
    h("span", { class: "grow" }),
    h("div", { class: "scroll" }, h("p", { class: "muted" }, INTRO), results, build.form),
  )
  const words = h("p", { class: "muted" })
  const opened = h("button", {
    class: "btn",
    onclick: () => {
      leave()
      dialog.showModal()
    },
  })
  const section = h(
    "section",
    { class: "exported", hidden: "" },
    h("h3", {}, "A small network"),
    words,
    opened,
  )

  const draw = () => {
    const shown = model.pocket
    const here = shown.node === row.id
    const kept = here ? (shown.kept ?? []) : []
    const builds = shown.kind === "building" || shown.kind === "cancelling"
    set(section, "hidden", shown.node === undefined ? "" : null)
    if (shown.node === undefined) return
    drawOnce(words, JSON.stringify([shown.missing, kept.length, row.id]), () =>
      shown.missing && !kept.length ? without(shown.missing, row) : [INTRO],
    )
    set(opened, "hidden", shown.missing && !kept.length ? "" : null)
    text(
      opened,
      kept.length ? "Show small networks" : builds ? "Show how far it is" : "Build a small network",
    )
    text(heading, `A small network at ${row.number}`)
    set(results, "hidden", kept.length ? null : "")
    drawOnce(list, JSON.stringify([kept, shown.saving]), () =>
      kept.map((one) => item(one, shown.saving, say)),
    )
    text(saved, shown.saved)
    build.draw(shown, row, kept.length > 0)
  }
  watch(model, ["pocket"], draw)
  return {
    section,
    show: (shown) => {
      row = shown
      say("find_pockets", { node: row.id })
      draw()
    },
  }
}

/** What is missing, and the command to run where it is not. */
const without = (missing, row) => [
  `${INTRO} It cannot be built here. ${missing} `,
  missing.includes("inficond pocket")
    ? ""
    : h(
        "code",
        {},
        ["inficond pocket SPEC ", `--node ${row.id} `, "--output FOLDER"].map((part) =>
          h("span", { class: "whole" }, part),
        ),
      ),
]

/** A pocket: two lines of its certificate, and its files. */
const item = ({ key, name, lines }, busy, say) =>
  h(
    "li",
    {},
    h("h3", {}, name),
    lines.map((line) => h("p", { class: "num" }, line)),
    h(
      "div",
      { class: "files" },
      save("Save network", busy, () => say("save_pocket", { key }), "ONNX files and the card, as a zip"),
      save(
        "Save try page",
        busy,
        () => say("save_try_page", { key }),
        "One HTML file that runs it in a browser",
      ),
    ),
  )

const save = (label, busy, onclick, title) =>
  h("button", { class: "btn", title, onclick, disabled: busy ? "" : null }, icon("download"), label)

/** The form that builds a pocket, its progress and its error. */
function builder(model, say, node) {
  const trunk = choiceOf("Network", [], () => {})
  const sides = h("div", { class: "widths" })
  const start = h(
    "button",
    {
      class: "btn primary",
      onclick: () => say("build_pocket", { node: node(), trunk: trunk.value, sides: chosen() }),
    },
    "Build",
  )
  const why = h("p", { class: "muted" })
  const told = h("div", { class: "told", role: "status" })
  const bar = h("i", { class: "progress" })
  const cancel = h("button", { class: "btn", onclick: () => say("stop_pocket") }, bar, h("span"))
  const fields = h(
    "div",
    { class: "fields" },
    h(
      "label",
      {},
      h("span", { class: "muted" }, "Network"),
      h("span", { class: "select" }, trunk, icon("down", 14)),
    ),
    why,
    h(
      "fieldset",
      {},
      h("legend", { class: "muted" }, "Width of a photo in pixels; smaller is quicker and knows less"),
      sides,
    ),
    start,
  )
  const title = h("h3")
  const about = h("p", { class: "muted" })
  const form = h(
    "section",
    { class: "new" },
    title,
    about,
    fields,
    h("div", { class: "working" }, told, cancel),
  )
  const chosen = () => [...sides.querySelectorAll("input:checked")].map((input) => Number(input.value))
  const settle = () => {
    start.disabled = model.pocket.busy || !trunk.value || !chosen().length
  }

  const draw = (
    { missing, trunks, why: reason, sides: widths, building, kind, busy, progress, status, error },
    row,
    more,
  ) => {
    const builds = kind === "building" || kind === "cancelling"
    const elsewhere = builds && building !== row.id
    text(title, more ? "Build another" : "Build")
    text(
      about,
      missing ||
        `It gets the students of ${row.number} with all thumbs. It takes minutes. ` +
          "You can go on meanwhile; if you close this page, it stops.",
    )
    text(why, reason)
    set(why, "hidden", reason ? null : "")
    set(fields, "hidden", trunks.length && !builds ? null : "")
    drawOnce(trunk, JSON.stringify(trunks), () => trunks.map(([value, name]) => h("option", { value }, name)))
    drawOnce(sides, JSON.stringify(widths), () => widths.map((width) => sideBox(width, settle)))
    drawOnce(told, JSON.stringify([builds, status, error, elsewhere]), () =>
      toldOf(builds, elsewhere, status, error),
    )
    set(told.parentNode, "hidden", builds || error ? null : "")
    set(cancel, "hidden", builds ? null : "")
    cancel.disabled = kind === "cancelling"
    text(cancel.lastChild, kind === "cancelling" ? "Cancelling…" : `Cancel · ${Math.round(100 * progress)} %`)
    bar.style.width = `${100 * progress}%`
    settle()
    start.disabled = busy || start.disabled
  }
  return { form, draw }
}

const sideBox = (width, settle) =>
  h(
    "label",
    {},
    h("input", { type: "checkbox", value: width, checked: width ? null : "", onchange: settle }),
    width ? String(width) : "its own",
  )

function toldOf(builds, elsewhere, status, error) {
  if (error) return [icon("cross", 14), h("span", {}, error)]
  if (!builds) return []
  const words = elsewhere ? `Another iteration's is being built: ${status}` : status
  return [h("span", { class: "spin" }), h("span", { class: "num" }, words)]
}
