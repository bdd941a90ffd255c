// Page shell: header bar, the strip, and columns of views. A column that three or more views share
// is a stack; where that is too low or narrow its later views are tabs; very wide, it is split.

Object.assign(ICONS, {
  keyboard: ["M4.5 6h15a2 2 0 012 2v8a2 2 0 01-2 2h-15a2 2 0 01-2-2V8a2 2 0 012-2z", "M6 10h.01M10 10h.01M14 10h.01M18 10h.01M8 14h8"],
  dark: ["M20 14.5A8 8 0 119.5 4 6.5 6.5 0 0020 14.5z"],
  light: ["M8 12a4 4 0 108 0a4 4 0 10-8 0", "M12 3v1.5M12 19.5V21M3 12h1.5M19.5 12H21M5.6 5.6l1.1 1.1M17.3 17.3l1.1 1.1M5.6 18.4l1.1-1.1M17.3 6.7l1.1-1.1"],
  auto: ["M4 12a8 8 0 1016 0a8 8 0 10-16 0", "M12 4v16", "M12 7.5h5.5M12 11h7.5M12 14.5h7M12 18h3.5"],
})
const HEIGHTS = { detail: "clamp(338px, 36%, 560px)", provenance: "clamp(252px, 26.8%, 480px)" }
const STACK_WIDTH = 1880, STACK_HEIGHT = 980, SPLIT_WIDTH = 2800

export function render({ model, el }) {
  const sheet = keySheet(el, model.shortcuts)
  const places = makePlaces(model)
  const saved = h("span", { class: "muted saved num", role: "status" })
  const columns = h("main", { class: "columns" }, model.columns.map((column) => makeColumn(column, places, model)))
  const root = h("div", { class: "shell" }, header(model, saved, sheet),
    model.strip ? h("div", { class: "strip-place" }, places.get("configuration")) : "", columns)
  const total = model.columns.reduce((sum, column) => sum + column.share, 0)
  arrange(root, columns, model.columns, total)
  el.append(root)
  followColours(model, root)
  listenKeys(model, root, sheet)
  watch(model, ["saved"], () => showSaved(model.saved, saved, root))
}

// --- places ----------------------------------------------------------------------------------------

/** One element a view of the layout, with the view in it, or bones while there is none. */
function makePlaces(model) {
  const children = new Map(model.get_child("views").map((child, at) => [model.names[at], child]))
  const names = ["configuration", ...model.columns.flatMap((column) => column.views)]
  return new Map(names.map((name) => [name, h("div", { class: "place", "data-view": name }, children.get(name) ?? bones(name))]))
}

function bones(name) {
  const rows = name === "configuration" ? 1 : 8
  return h("div", { class: "bones", "aria-hidden": "true" }, Array.from({ length: rows }, () => h("i", { class: "bone" })))
}

function makeColumn({ views, share }, places, model) {
  const column = h("div", { class: "column", style: `grid-column: span ${share}` }, views.map((name) => places.get(name)))
  if (views.length < 2) return column
  column.classList.add("shared")
  column.style.setProperty("--stack", ["minmax(0, 1fr)", ...views.slice(1).map((name) => HEIGHTS[name] ?? "minmax(0, 1fr)")].join(" "))
  if (views.length > 2) column.tabs = makeTabs(views.slice(1), places, model)
  return column
}

/** Set the form of the columns from the room there is, now and when it changes. */
function arrange(root, columns, specs, total) {
  const settle = () => {
    const form = root.clientWidth >= SPLIT_WIDTH ? "split"
      : root.clientWidth >= STACK_WIDTH && root.clientHeight >= STACK_HEIGHT ? "stack" : "tabs"
    set(root, "data-narrow", root.clientWidth < STACK_WIDTH ? "" : null)
    if (root.dataset.form === form) return
    root.dataset.form = form
    let shares = total
    specs.forEach(({ views, share }, at) => {
      const column = columns.children[at]
      const split = form === "split" && views.length === 3
      const own = views.length > 2 ? form : "stack"
      column.dataset.form = own === "split" && !split ? "stack" : own
      column.style.gridColumn = `span ${split ? 2 * share : share}`
      if (split) shares += share
      column.tabs?.use(column.dataset.form === "tabs", column)
    })
    columns.style.gridTemplateColumns = `repeat(${shares}, minmax(0, 1fr))`
  }
  settle()
  new ResizeObserver(settle).observe(root)
}

// --- tabs ------------------------------------------------------------------------------------------

function makeTabs(names, places, model) {
  const tab = (name) => h("button", { role: "tab", type: "button", "data-view": name, onclick: () => { model.tab = name } }, model.titles[name].replace("Fine-tuning p", "P"))
  const buttons = names.map(tab)
  const list = h("div", { role: "tablist", "aria-label": "Views" }, buttons)
  const box = h("div", { class: "tabs" }, list)
  let used = false
  const mark = () => {
    const front = names.includes(model.tab) ? model.tab : names[0]
    buttons.forEach((button) => {
      set(button, "aria-selected", String(button.dataset.view === front))
      set(button, "tabindex", button.dataset.view === front ? 0 : -1)
    })
    names.forEach((name) => {
      set(places.get(name), "role", used ? "tabpanel" : null)
      set(places.get(name), "aria-label", used ? model.titles[name] : null)
      set(places.get(name), "hidden", used && name !== front ? "" : null)
    })
  }
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (!step) return
    const next = buttons[(buttons.indexOf(event.target) + step + buttons.length) % buttons.length]
    model.tab = next.dataset.view
    next.focus()
  })
  model.on("tab", mark)
  const use = (on, column) => {
    used = on
    const panels = names.map((name) => places.get(name))
    if (on) { box.append(...panels); column.append(box) }
    else { column.append(...panels); box.remove() }
    mark()
  }
  return { use }
}

// --- header ----------------------------------------------------------------------------------------

function header(model, saved, sheet) {
  const keys = h("button", { class: "icon-btn", type: "button", "aria-label": "Keyboard shortcuts", title: "Keyboard shortcuts (?)", onclick: () => sheet.showModal() }, icon("keyboard"))
  return h("header", {}, h("h1", { class: "logo" }, "InFiConD"), h("span", { class: "muted clip" }, model.subtitle), h("span", { class: "grow" }),
    saved, h("div", { class: "buttons" }, keys, themeButton(model)))
}

function showSaved({ text: words, at, place }, saved, root) {
  const tell = () => text(saved, words || (at ? `Saved ${ago(at)}` : ""))
  tell()
  set(saved, "title", place || null)
  clearInterval(saved.timer)
  saved.timer = setInterval(() => (root.isConnected ? tell() : clearInterval(saved.timer)), 5000)
}

function ago(time) {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(time)) / 1000))
  if (seconds < 5) return "just now"
  if (seconds < 60) return `${seconds} s ago`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`
  return new Date(time).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" })
}

// --- colours ---------------------------------------------------------------------------------------

const night = window.matchMedia("(prefers-color-scheme: dark)")

/** The next theme: from auto to the one that the system does not have, so that a click shows. */
function nextTheme(theme) {
  const order = night.matches ? ["auto", "light", "dark"] : ["auto", "dark", "light"]
  return order[(order.indexOf(theme) + 1) % 3]
}

function themeButton(model) {
  const button = h("button", { class: "icon-btn", type: "button", onclick: () => { model.theme = nextTheme(model.theme) } })
  watch(model, ["theme"], () => {
    button.replaceChildren(icon(model.theme))
    set(button, "aria-label", `Theme: ${model.theme}`)
    set(button, "title", `Theme: ${model.theme}. Change to ${nextTheme(model.theme)}`)
  })
  return button
}

function followColours(model, root) {
  const apply = () => {
    const scheme = model.theme === "auto" ? "light dark" : model.theme
    root.style.colorScheme = scheme
    if (model.page) fillPage(scheme)
    root.style.setProperty("--shell-height", model.page ? "100vh" : "900px")
    const dark = model.theme === "auto" ? night.matches : model.theme === "dark"
    if (model.dark !== dark) model.dark = dark
  }
  night.addEventListener("change", () => { if (root.isConnected) apply() })
  model.on("theme", apply)
  apply()
}

function fillPage(scheme) {
  document.documentElement.style.colorScheme = scheme
  document.documentElement.lang = "en"
  Object.assign(document.body.style, { margin: "0", background: "light-dark(#eff1f4, #0f1216)" })
}

// --- keyboard --------------------------------------------------------------------------------------

function keySheet(root, shortcuts) {
  const close = h("button", { class: "icon-btn", type: "button", "aria-label": "Close", onclick: () => sheet.close() }, icon("cross"))
  const keys = (names) => names.split(" ").map((name) => h("kbd", {}, name))
  const sheet = h("dialog", { "aria-label": "Keyboard" }, h("div", { class: "head" }, h("h2", {}, "Keyboard"), close),
    h("dl", {}, shortcuts.flatMap(([names, meaning]) => [h("dt", {}, keys(names)), h("dd", {}, meaning)])))
  sheet.addEventListener("click", (event) => { if (event.target === sheet) sheet.close() })
  root.append(sheet)
  return sheet
}

/** Keys of the whole page, unless something is being typed. */
function listenKeys(model, root, sheet) {
  const typing = (target) => target.isContentEditable || /^(input|textarea|select)$/i.test(target.tagName ?? "")
  const press = (event) => {
    if (!root.isConnected) return document.removeEventListener("keydown", press)
    if (typing(event.composedPath()[0])) return
    if (event.key === "?" && !sheet.open) sheet.showModal()
    else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") model.send_msg({ kind: event.shiftKey ? "redo" : "undo" })
    else return
    event.preventDefault()
  }
  document.addEventListener("keydown", press)
}
