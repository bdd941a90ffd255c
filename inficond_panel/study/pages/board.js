// The researcher's page: a password, then a row for each participant.

import { h, keyed, set, text } from "../../ui/elements.js"
import { watch } from "../../ui/model.js"
import { clockOf, timeOf } from "../../ui/numbers.js"
import { copyButton } from "../../ui/parts/clipboard.js"
import { fillPage, followSize } from "../../ui/parts/page.js"
import { saveFiles } from "../../ui/parts/save_file.js"
import { LENGTHS } from "../../ui/vocabulary.js"
import { sureDialog } from "./sure.js"

const HEADS = [
  "Participant",
  "Id",
  "Condition",
  "State",
  "Step",
  "Check",
  "Time",
  "Iterations",
  "Tasks over",
  "",
]
const STATES = {
  "not begun": "○ Not begun",
  here: "● Here",
  away: "◇ Away",
  finished: "✓ Finished",
  declined: "✕ Declined",
}

export function render({ model, el }) {
  const root = h("div", { class: "board" })
  el.append(root)
  fillPage()
  followSize(root)
  let kind = null
  let view = null
  watch(model, ["screen", "made", "problem", "busy"], () => {
    const { screen } = model
    if (screen.kind !== kind) {
      kind = screen.kind
      view = kind === "board" ? makeBoard(model) : makeLogin(model)
      root.replaceChildren(view)
    }
    view.show()
  })
}

function makeLogin(model) {
  const password = h("input", {
    type: "password",
    class: "line",
    autocomplete: "current-password",
    "aria-label": "Password",
  })
  const fault = h("p", { class: "fault", role: "alert" })
  const form = h(
    "form",
    { class: "panel login" },
    h("h1", {}, "Researcher"),
    h("p", { class: "muted" }, "Enter the password that the study is served with."),
    h("div", { class: "row" }, password, h("button", { class: "btn primary", type: "submit" }, "Open")),
    fault,
  )
  form.addEventListener("submit", (event) => {
    event.preventDefault()
    model.send_msg({ action: "login", password: password.value })
  })
  form.show = () => {
    text(fault, model.screen.problem)
    fault.hidden = !model.screen.problem
  }
  return form
}

function makeBoard(model) {
  const body = h("tbody")
  const link = h("div", { class: "link-box", role: "status" })
  const problem = h("p", { class: "fault", role: "alert" })
  const sum = h("span", { class: "muted num" })
  const sure = deletion(model)
  const note = noteDialog(model)
  const report = h("button", {
    class: "btn",
    title: "The report and all tables, as a zip. Measures finished tasks on the holdout, once",
    onclick: () => model.send_msg({ action: "download" }),
  })
  const open = h(
    "button",
    {
      class: "btn",
      title: "One link for all who come with an id of a panel provider; ends the one before",
      onclick: () => model.send_msg({ action: "make_open_link" }),
    },
    "Open link",
  )
  const page = h(
    "main",
    { class: "panel people", "aria-label": "Participants" },
    h(
      "div",
      { class: "panel-head" },
      h("h1", {}, model.screen.title),
      sum,
      h("span", { class: "grow" }),
      report,
      open,
      h(
        "button",
        { class: "btn", onclick: () => model.send_msg({ action: "add_participant" }) },
        "Add participant",
      ),
    ),
    link,
    problem,
    h(
      "div",
      { class: "scroll" },
      h(
        "table",
        {},
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            HEADS.map((head) => h("th", { scope: "col" }, head || h("span", { class: "vh" }, "Actions"))),
          ),
        ),
        body,
      ),
    ),
    h("p", { class: "empty-hint muted" }, "No participant yet. Add one, and give them the link."),
    sure,
    note,
  )
  saveFiles(model)
  page.show = () => {
    const { rows } = model.screen
    const countOf = (state) => rows.filter((row) => row.state === state).length
    const participants = rows.length === 1 ? "participant" : "participants"
    text(sum, `${rows.length} ${participants}, ${countOf("here")} here, ${countOf("finished")} finished`)
    set(page.querySelector(".empty-hint"), "hidden", rows.length ? "" : null)
    keyed(
      body,
      rows,
      (row) => row.number,
      () => makeRow(model, sure, note),
      updateRow,
    )
    text(report, model.busy ? "Making the report…" : "Download report")
    report.disabled = model.busy
    text(problem, model.problem)
    problem.hidden = !model.problem
    showLink(link, model.made)
  }
  return page
}

function makeRow(model, sure, note) {
  const row = h(
    "tr",
    {},
    h("th", { scope: "row" }),
    HEADS.slice(2).map(() => h("td", { class: "num" })),
    h(
      "td",
      { class: "acts" },
      h("button", { class: "btn plain", onclick: () => note.ask(row.number, row.label, row.notes) }, "Note"),
      h(
        "button",
        { class: "btn plain", onclick: () => model.send_msg({ action: "make_link", number: row.number }) },
        "New link",
      ),
      h("button", { class: "btn plain", onclick: () => sure.ask(row.number, row.label) }, "Delete"),
    ),
  )
  return row
}

function updateRow(row, data) {
  row.number = data.number
  row.label = data.participant
  row.notes = data.notes
  text(row.lastElementChild.firstElementChild, data.notes.length ? `Note (${data.notes.length})` : "Note")
  const cells = [
    data.participant,
    data.external || "–",
    data.condition || "–",
    STATES[data.state],
    data.step,
    data.check || "–",
    data.minutes == null ? "–" : clockOf(Math.round(60 * data.minutes)),
    data.iterations ?? "–",
    `${data.done} of ${data.tasks}`,
  ]
  cells.forEach((cell, at) => text(row.children[at], cell))
  row.dataset.state = data.state
}

function showLink(box, { label, token, query = "" }) {
  box.hidden = !token
  if (!token || box.dataset.token === token) return
  box.dataset.token = token
  const address = `${window.location.href.replace(/\/researcher.*$/, "")}/study${query}#${token}`
  const field = h("input", {
    class: "line",
    readonly: "",
    value: address,
    "aria-label": `Link of ${label}`,
    onfocus: () => field.select(),
  })
  const whose = query ? "One link for all, with each person's own id in place of {{%…%}}" : `Link of ${label}`
  box.replaceChildren(h("span", {}, `${whose}. Shown only now:`), field, copyButton(address))
}

/** What the researcher sees or hears, with the time at which it is kept. */
function noteDialog(model) {
  const title = h("h2")
  const words = h("textarea", { rows: 4, maxlength: LENGTHS.studyNote, "aria-label": "Note" })
  let number = null
  const before = h("dl", { class: "notes", tabindex: 0, "aria-label": "Notes so far" })
  const dialog = sureDialog({ "aria-label": "Note" }, [title, before, words], ["Cancel", "Keep"], () => {
    if (words.value.trim()) model.send_msg({ action: "note", number, text: words.value })
  })
  words.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) dialog.querySelector(".primary").click()
  })
  dialog.ask = (which, label, notes) => {
    number = which
    text(title, `Note on ${label}`)
    before.hidden = !notes.length
    before.replaceChildren(
      ...notes.flatMap(([time, step, said]) => [h("dt", {}, `${timeOf(time)}, ${step}`), h("dd", {}, said)]),
    )
    words.value = ""
    dialog.showModal()
    words.focus()
  }
  return dialog
}

function deletion(model) {
  const title = h("h2")
  let number = null
  const dialog = sureDialog(
    { "aria-label": "Delete?" },
    [
      title,
      h("p", {}, "Link, events, answers and iterations are erased. This cannot be undone."),
      h("p", {}, "Reports and tables that were made before stay as they are: make them anew."),
    ],
    ["Keep", "Delete"],
    () => model.send_msg({ action: "delete_participant", number }),
  )
  dialog.ask = (which, label) => {
    number = which
    text(title, `Delete ${label}?`)
    dialog.showModal()
  }
  return dialog
}
