// The user's own network: refitted to an iteration, its figures before and after, and the new file.

import { icon } from "../../ui/controls.js"
import { drawOnce, h, set, text } from "../../ui/elements.js"
import { watch } from "../../ui/model.js"
import { titledDialog } from "../../ui/parts/dialog.js"

/** The dialog of the refit, and the part of the export dialog that opens it; `leave` closes the latter. */
export function networkDialog(root, model, say, leave) {
  let row = { id: "", title: "", number: "" }
  let world = ""
  const told = h("div", { class: "told", role: "status" })
  const bar = h("i", { class: "progress" })
  const cancel = h("button", { class: "btn", onclick: () => say("stop_network") }, bar, h("span"))
  const again = h("button", { class: "btn", onclick: () => say("refit_network", { node: row.id }) }, "Refit")
  const figures = h("div", { class: "figures-of-classes" })
  const choices = h("fieldset", { class: "worlds-meant" })
  const save = h(
    "button",
    { class: "btn primary", onclick: () => say("save_network_file", { world }) },
    icon("download"),
    "Save network",
  )
  const saved = h("span", { class: "told small", role: "status" })
  const footer = h("footer", {}, save, saved)
  const { dialog, heading } = titledDialog(
    root,
    "network",
    "",
    h("span", { class: "grow" }),
    h("div", { class: "working" }, told, cancel, again),
    h("div", { class: "scroll results" }, figures, choices),
    footer,
  )
  const opened = h(
    "button",
    {
      class: "btn",
      onclick: () => {
        world = ""
        say("refit_network", { node: row.id })
        leave()
        dialog.showModal()
      },
    },
    "Refit my network",
  )
  const words = h("p", { class: "muted" })
  const section = h("section", { class: "exported", hidden: "" }, h("h3", {}, "My network"), words, opened)

  const choose = (key) => {
    world = key
    save.disabled = !world || model.network.busy
  }
  const draw = () => {
    const {
      name,
      missing,
      node,
      kind,
      busy,
      progress = 0,
      status = "",
      error,
      choices: worlds,
    } = model.network
    set(section, "hidden", name === undefined ? "" : null)
    if (name === undefined) return
    opened.disabled = Boolean(missing) || (busy && node !== row.id)
    text(words, missing || introOf(name, busy && node !== row.id))
    text(heading, `My network at ${row.number}`)
    const fits = kind === "refitting" || kind === "cancelling"
    const there = Boolean(worlds) && node === row.id
    set(told.parentNode, "hidden", there && !fits ? "" : null)
    drawOnce(told, JSON.stringify([kind, status, error]), () => toldOf(kind, status, error))
    set(cancel, "hidden", fits ? null : "")
    cancel.disabled = kind === "cancelling"
    text(cancel.lastChild, kind === "cancelling" ? "Cancelling…" : `Cancel · ${Math.round(100 * progress)} %`)
    bar.style.width = `${100 * progress}%`
    set(again, "hidden", fits || there ? "" : null)
    for (const part of [figures.parentNode, footer]) set(part, "hidden", there ? null : "")
    if (!there) return
    drawOnce(figures, JSON.stringify([node, model.network.classes, model.network.notes]), () =>
      classesOf(model.network),
    )
    drawOnce(choices, JSON.stringify([node, worlds]), () => {
      choose(model.network.meant)
      return choicesOf(model.network, choose)
    })
    choose(world)
    text(saved, error || (busy || kind === "done" ? status : ""))
    set(saved, "data-kind", error ? "error" : null)
  }
  watch(model, ["network"], draw)
  return {
    section,
    show: (shown) => {
      row = shown
      draw()
    },
  }
}

const introOf = (name, waits) =>
  waits
    ? "It is being refitted to another iteration."
    : `Refits the last layer of your network (${name}) to what the thumbs ask for, and shows what changes. ` +
      "Nothing is written before you say which images you mean."

function toldOf(kind, status, error) {
  if (error) return [icon("cross", 14), h("span", {}, error)]
  if (kind === "refitting" || kind === "cancelling") {
    return [h("span", { class: "spin" }), h("span", { class: "num" }, status)]
  }
  return [h("span", {}, "Not refitted.")]
}

const classesOf = ({ classes, notes }) => [
  ...classes.map(({ name, agreement, groups }) =>
    h(
      "section",
      { "aria-label": name },
      h("h3", {}, name),
      h("p", { class: "muted num" }, agreement),
      groupsTable(groups),
    ),
  ),
  notes.length
    ? h(
        "div",
        { class: "muted" },
        notes.map((note) => h("p", {}, note)),
      )
    : "",
]

const percent = (value) => (value === null ? "–" : `${Math.round(value)} %`)

function groupsTable(groups) {
  const row = ({ words, images, before, after }) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, words),
      h("td", { class: "muted" }, images),
      h("td", {}, percent(before)),
      h("td", {}, percent(after)),
      h("td", { class: "drawn", "aria-hidden": "true" }, after === null ? "" : namedBar(before, after)),
    )
  return h(
    "table",
    { class: "groups num" },
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        ["Images that show", "Images", "Named before", "Named after"].map((words) =>
          h("th", { scope: "col" }, words),
        ),
        h("td"),
      ),
    ),
    h("tbody", {}, groups.map(row)),
  )
}

/** The share that is named: a bar after the refit, a line where it was before. */
const namedBar = (before, after) =>
  h(
    "span",
    { class: "named" },
    h("i", { class: "after", style: `width:${after}%` }),
    h("i", { class: "before", style: `left:${before}%` }),
  )

function choicesOf({ choices, meant }, choose) {
  const one = ({ key, photos, figures }) =>
    h(
      "label",
      {},
      h("input", {
        type: "radio",
        name: "network-world",
        value: key,
        checked: key === meant ? "" : null,
        onchange: () => choose(key),
      }),
      h("span", {}, photos),
      ...figures.map(({ of, figures: values, control }) =>
        h(
          "span",
          { class: "figures num" },
          figures.length > 1 ? h("b", {}, of) : "",
          values.map(([words, limits]) => h("span", {}, limits ? `${words} (${limits})` : words)),
          control ? h("span", { class: "muted" }, `without a thumb: ${control}`) : "",
        ),
      ),
    )
  return [h("legend", {}, "Which images do you mean?"), h("div", { class: "choices" }, choices.map(one))]
}
