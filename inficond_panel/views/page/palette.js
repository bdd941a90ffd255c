// Palette: all actions and all names of the page, found by typing a part of them (Ctrl+K).

import { h, set, text } from "../../ui/base.js"

const TITLES = { action: "Actions", page: "Page", class: "Classes", concept: "Concepts", iteration: "Iterations", tag: "Tags" }

/** `own` are {name, run} of what the browser does by itself. */
export function makePalette(root, model, own) {
  const input = h("input", { type: "text", role: "combobox", "aria-label": "Find an action or a name", "aria-expanded": "true", "aria-controls": "palette-list",
    "aria-autocomplete": "list", placeholder: "Find an action, class, concept or iteration", maxlength: 100, spellcheck: "false", autocomplete: "off" })
  const list = h("div", { class: "list", role: "listbox", id: "palette-list", "aria-label": "Actions and names" })
  const none = h("p", { class: "muted", role: "status" })
  const dialog = h("dialog", { class: "palette", "aria-label": "Actions and names" }, input, list, none)
  let current = 0, answered = null
  let moved = 0, hurried = false // arrows and Enter before the answer is there
  root.append(dialog)

  const ask = () => model.send_msg({ action: "find_entries", query: input.value })
  const options = () => [...list.querySelectorAll("[role=option]")]
  const pages = () => own().filter(({ name }) => name.toLowerCase().includes(input.value.trim().toLowerCase()))

  function show(entries) {
    const all = [...entries, ...pages().map((entry) => ({ kind: "page", ...entry }))]
    const kinds = [...new Set(all.map(({ kind }) => kind))]
    list.replaceChildren(...kinds.map((kind) => h("div", { role: "group", "aria-label": TITLES[kind] }, h("h3", { "aria-hidden": "true" }, TITLES[kind]),
      all.filter((entry) => entry.kind === kind).map(optionOf))))
    text(none, all.length ? "" : `Nothing has “${input.value.trim()}” in its name.`)
    none.hidden = all.length > 0
    go(moved)
    moved = 0
  }
  const optionOf = (entry) => h("div", { role: "option", class: "option", "aria-selected": "false", onclick: () => choose(entry) }, entry.name)

  function go(to) {
    const all = options()
    current = all.length ? (to + all.length) % all.length : 0
    all.forEach((option, at) => { option.id = `palette-${at}`; set(option, "aria-selected", String(at === current)) })
    set(input, "aria-activedescendant", all.length ? `palette-${current}` : null)
    all[current]?.scrollIntoView({ block: "nearest" })
  }

  function choose({ kind, key, run }) {
    dialog.close()
    if (run) run()
    else model.send_msg({ action: "choose", kind, key })
  }

  input.addEventListener("input", () => {
    moved = 0
    hurried = false
    ask()
  })
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key], isAnswered = answered === input.value
    if (step && isAnswered) go(current + step)
    else if (step && !hurried) moved += step
    else if (event.key === "Enter" && isAnswered) options()[current]?.click()
    else if (event.key === "Enter") hurried = true
    else return
    event.preventDefault()
    event.stopPropagation()
  })
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close() })
  model.on("msg:custom", (event) => {
    const { entries, query } = event.data ?? event
    if (!entries || query !== input.value) return
    answered = query
    show(entries)
    if (hurried && dialog.open) options()[current]?.click() // the dialog's "close" may come after the answer
    hurried = false
  })
  return {
    open: () => {
      if (dialog.open) return
      input.value = ""
      answered = null
      moved = 0
      hurried = false
      dialog.showModal()
      ask()
    },
  }
}
