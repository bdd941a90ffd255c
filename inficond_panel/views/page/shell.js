// Page shell: header bar, the strip, and the columns of views (columns.js).

import { icon, iconButton, ICONS, isTyping } from "../../ui/controls.js"
import { callImages, h, listenWhile, set, setAll, text, unless } from "../../ui/elements.js"
import { followShow, isLost, keep, kept, watch } from "../../ui/model.js"
import { copyText } from "../../ui/parts/clipboard.js"
import { titledDialog } from "../../ui/parts/dialog.js"
import { fillPage, followSize } from "../../ui/parts/page.js"
import { saveFiles } from "../../ui/parts/save_file.js"
import { makeColumns } from "./columns.js"
import { makePhoto } from "./photo.js"

Object.assign(ICONS, {
  photo: [
    "M5 5h14a2 2 0 012 2v10a2 2 0 01-2 2H5a2 2 0 01-2-2V7a2 2 0 012-2z",
    "M3.500 16l4.500-4.500 4 4 3-3 5.500 5.500",
    "M15 9h.01",
  ],
  link: [
    "M10 14a4 4 0 005.7 0l3-3a4 4 0 00-5.700-5.700l-1.500 1.500",
    "M14 10a4 4 0 00-5.700 0l-3 3a4 4 0 005.700 5.700l1.500-1.500",
  ],
  keyboard: [
    "M4.5 6h15a2 2 0 012 2v8a2 2 0 01-2 2h-15a2 2 0 01-2-2V8a2 2 0 012-2z",
    "M6 10h.01M10 10h.01M14 10h.01M18 10h.01M8 14h8",
  ],
  dark: ["M20 14.5A8 8 0 119.5 4 6.5 6.5 0 0020 14.5z"],
  light: [
    "M8 12a4 4 0 108 0a4 4 0 10-8 0",
    "M12 3v1.5M12 19.5V21M3 12h1.5M19.5 12H21" +
      "M5.6 5.6l1.1 1.1M17.3 17.3l1.1 1.1M5.6 18.4l1.1-1.1M17.3 6.7l1.1-1.1",
  ],
  auto: ["M4 12a8 8 0 1016 0a8 8 0 10-16 0", "M12 4v16", "M12 7.5h5.5M12 11h7.5M12 14.5h7M12 18h3.5"],
})

export function render({ model, el }) {
  callImages(model.called)
  const sheet = keySheet(el, model)
  if (model.page && !model.still) keepLooks(model)
  const saved = h("span", { class: "muted saved num", role: "status" })
  const root = h("div", { class: "shell" })
  followShow(model, root)
  const notice = noticeLine(model, () => goTo(views.main, "knowledge"))
  const link = linkButton(model)
  const photo = model.still ? null : makePhoto(el, root, model)
  const views = makeColumns(root, model)
  const links = skipLinks(model, views.main)
  root.append(links, header(model, saved, notice, sheet, link, photo), views.strip, views.main)
  el.append(root)
  views.start(links.children)
  saveFiles(model)
  followColours(model, root)
  if (model.page) followSize(root)
  if (!model.still) listenKeys(model, root, sheet, link)
  if (model.page && !model.still) {
    keepAddress(model, root)
    keepBatch(model)
  }
  if (!model.still) lookAround(model, root)
  followSaved(model, saved, root)
}

/** Links to the first view of each column, seen while they have the focus. */
function skipLinks(model, main) {
  const go = (name) => {
    model.front = name
    goTo(main, name)
  }
  return h(
    "nav",
    { class: "skip", "aria-label": "Skip to" },
    model.layout.columns.map(([name]) =>
      h("button", { class: "btn", onclick: () => go(name) }, `Skip to ${model.titles[name]}`),
    ),
  )
}

/** Give the focus to a view, if the layout has it. */
function goTo(main, name) {
  const place = main.querySelector(`[data-view=${name}]`)
  if (!place) return
  set(place, "tabindex", -1)
  place.focus()
}

// --- header ----------------------------------------------------------------------------------------

function header(model, saved, notice, sheet, link, photo) {
  const keys = iconButton("keyboard", "Keyboard shortcuts", () => sheet.showModal(), {
    title: "Keyboard shortcuts (?)",
  })
  return h(
    "header",
    {},
    h("h1", { class: "logo" }, "InFiConD"),
    h("span", { class: "muted clip" }, model.heading.of),
    ...pickedChips(model),
    h("div", { class: "grow notice-place" }, notice),
    ...(model.still
      ? []
      : [
          saved,
          detailsSwitch(model),
          h("div", { class: "buttons" }, photoButton(model, photo), link, keys, themeButton(model)),
          exportButton(model),
        ]),
  )
}

/** What all numbers of the page are of, if not of all images and the thresholds of the spec: a click on
    the images lists them, and the cross drops them. */
function pickedChips(model) {
  const chip = (name, words, leave, label) => {
    const cross = iconButton("cross", label, () => model.send_msg({ action: leave }))
    const element = h("span", { class: "picked", role: "status", "data-of": name }, words, cross)
    watch(model, ["heading"], () => {
      const told = model.heading[name] ?? ""
      element.hidden = !told
      text(words, told)
      set(words, "title", told)
      cross.hidden = model.still
    })
    return element
  }
  const list = h("button", { class: "clip", onclick: () => model.send_msg({ action: "list_images" }) })
  return [
    chip("images", list, "leave_images", "Measure on all images again"),
    chip(
      "thresholds",
      h("span", { class: "clip" }),
      "forget_thresholds",
      "Decide by the thresholds of the spec",
    ),
  ]
}

/** Button that opens the dialog for the user's photo, or says how to decide what is no photo; hidden where no
    photo can be scored. */
function photoButton(model, photo) {
  const button = iconButton("photo", "Decide a photo", () => photo.open(), {
    class: unless("photos", "icon-btn"),
    "aria-haspopup": "dialog",
    title: "Decide a photo of your own",
  })
  watch(model, ["photo"], () => {
    const { missing, instead } = model.photo
    button.hidden = Boolean(missing) && !instead
    const words = instead ? `Decide new ${instead}` : "Decide a photo"
    setAll(button, { "aria-label": words, title: instead ? words : `${words} of your own` })
  })
  return button
}

/** Switch between simple views and details for experts. */
function detailsSwitch(model) {
  const box = /** @type {HTMLInputElement} */ (
    h("input", {
      type: "checkbox",
      role: "switch",
      onchange: () => {
        model.extent = box.checked ? "details" : "simple"
      },
    })
  )
  watch(model, ["extent"], () => {
    box.checked = model.extent === "details"
  })
  return h(
    "label",
    { class: unless("details", "details"), title: "Intervals, all metrics, and the matrix of all students" },
    box,
    "Details",
  )
}

/** Button that opens the export dialog of the provenance view; hidden if the layout has no such view. */
function exportButton(model) {
  const button = h(
    "button",
    {
      class: unless("export", "btn"),
      "aria-haspopup": "dialog",
      title: "Students, edits file, or this page as files",
      onclick: () => model.send_msg({ action: "open_export" }),
    },
    icon("download"),
    "Export",
  )
  button.hidden = !model.layout.columns.flat().includes("provenance")
  return button
}

function followSaved(model, saved, root) {
  const tell = () => {
    const { text: words, at, place } = model.saved
    text(saved, words || (at ? `Saved ${ago(at)}` : ""))
    set(saved, "title", place || null)
  }
  watch(model, ["saved"], tell)
  every(root, 5000, tell)
}

/** Run every so many ms, as long as the page is there and has its server. */
function every(root, ms, run) {
  const timer = setInterval(() => {
    if (!root.isConnected) clearInterval(timer)
    else if (!isLost()) run()
  }, ms)
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

/** The next theme; from auto the theme that the system does not have, so that a click has an effect. */
function nextTheme(theme) {
  const order = night.matches ? ["auto", "light", "dark"] : ["auto", "dark", "light"]
  return order[(order.indexOf(theme) + 1) % 3]
}

function themeButton(model) {
  const button = h("button", {
    class: "icon-btn",
    onclick: () => {
      model.theme = nextTheme(model.theme)
    },
  })
  watch(model, ["theme"], () => {
    button.replaceChildren(icon(model.theme))
    set(button, "aria-label", `Theme: ${model.theme}`)
    set(button, "title", `Theme: ${model.theme}. Change to ${nextTheme(model.theme)}`)
  })
  return button
}

/** light or dark: the theme of a notebook or of a Panel template, where there is one, else the system's. */
function coloursAround() {
  return isLightAround() ? "light" : "dark"
}

function isLightAround() {
  const { jpThemeLight, vscodeThemeKind } = document.body.dataset
  if (jpThemeLight) return jpThemeLight === "true"
  if (vscodeThemeKind) return vscodeThemeKind.includes("light")
  const ofTemplate = getComputedStyle(document.documentElement).getPropertyValue("--panel-background-rgb")
  const red = parseInt(ofTemplate)
  return isNaN(red) ? !night.matches : red > 127
}

function followColours(model, root) {
  const apply = () => {
    const scheme = model.theme === "auto" ? coloursAround() : model.theme
    root.style.colorScheme = scheme
    if (model.page) fillPage(scheme)
    else root.getRootNode().host.style.colorScheme = scheme // its colour of text is inherited
    root.style.setProperty(
      "--shell-height",
      model.page ? "calc((100vh - var(--page-taken, 0px)) / var(--zoom, 1))" : "760px",
    ) // a screen of 1080 pixels, less what a notebook has about its cells
    const dark = scheme === "dark"
    if (model.dark !== dark) model.dark = dark
  }
  const change = () => {
    if (root.isConnected) apply()
  }
  night.addEventListener("change", change)
  new MutationObserver(change).observe(document.body, {
    attributeFilter: ["data-jp-theme-light", "data-vscode-theme-kind"],
  })
  model.on("theme", apply)
  apply()
}

// --- keyboard --------------------------------------------------------------------------------------

function keySheet(root, model) {
  const keys = (names) => names.split(" ").map((name) => h("kbd", {}, name))
  const list = h("dl")
  watch(model, ["shortcuts"], () =>
    list.replaceChildren(
      ...model.shortcuts.map(([names, meaning]) =>
        h("div", {}, h("dt", {}, keys(names)), h("dd", {}, meaning)),
      ),
    ),
  )
  return titledDialog(root, "keys", "Keyboard", h("span", { class: "grow" }), list).dialog
}

/** Keys of the whole page, unless something is being typed. */
function listenKeys(model, root, sheet, link) {
  const plain = (event) => !event.ctrlKey && !event.metaKey && !event.altKey
  const asking = (event) => event.composedPath().some((element) => element.localName === "dialog")
  listenWhile(root, document, "keydown", (event) => {
    if (!model.page && !event.composedPath().includes(root)) return // a key of the notebook
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !asking(event)) {
      event.preventDefault() // also in a field, where Enter adds no line
      if (!event.repeat) model.send_msg({ action: "fine_tune" })
      return
    }
    if (isTyping(event)) return
    if (event.key === "?" && !sheet.open) sheet.showModal()
    else if (event.key.toLowerCase() === "l" && plain(event) && !link.hidden) link.click()
    else if (event.key === "Backspace" && event.shiftKey && plain(event)) model.send_msg({ action: "clear" })
    else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
      model.send_msg({ action: event.shiftKey ? "redo" : "undo" })
    } else return
    event.preventDefault()
  })
}

// --- link ------------------------------------------------------------------------------------------

/** What is shown is in the URL; back and forward show what another URL says. A change of a place is
    a new entry of the browser's history; settings replace the last one. What answers a step back or
    forward is no change; where further steps were made meanwhile, it is late and is passed over. */
function keepAddress(model, root) {
  let steps = 0
  let answered = 0
  // Kept when another data set or other targets replace this shell.
  const { dataset: known } = document.documentElement
  watch(model, ["address", "turn"], () => {
    if (model.address == null || model.turn !== steps) return
    const answer = answered !== steps
    answered = steps
    const before = new URLSearchParams(location.search)
    const now = new URLSearchParams(model.address)
    const moved = known.address && !answer && model.places.some((key) => before.get(key) !== now.get(key))
    for (const [key, value] of before) if (!model.keys.includes(key)) now.append(key, value)
    known.address = "told"
    if (now.toString() === before.toString()) return
    const query = now.toString()
    history[moved ? "pushState" : "replaceState"](
      null,
      "",
      `${location.pathname}${query && "?"}${query}${location.hash}`,
    )
  })
  listenWhile(root, window, "popstate", () => {
    if (model.address != null) model.send_msg({ action: "go", search: location.search, turn: ++steps })
  })
}

/** Keep pending thumbs over a reload: the browser stores them for this tab and these students. */
function keepBatch(model) {
  const name = `inficond-batch ${model.root}`
  const before = JSON.parse(kept("sessionStorage", name))
  if (before && !model.batch.thumbs) model.send_msg({ action: "take_back", ...before })
  model.on("batch", () =>
    keep("sessionStorage", name, model.batch.thumbs ? JSON.stringify(model.batch) : null),
  )
}

/** Theme and how much is shown outlive a reload: the browser keeps them for specs that begin as this
    one. A link that says how much is shown goes before. */
function keepLooks(model) {
  const name = `inficond-looks ${JSON.stringify(model.standard)}`
  const { show, theme } = JSON.parse(kept("localStorage", name) ?? "{}")
  if (theme) model.theme = theme
  if (show && !new URLSearchParams(location.search).has("show")) model.extent = show
  model.on(["theme", "extent"], () => {
    const now = JSON.stringify({ theme: model.theme, show: model.extent })
    keep("localStorage", name, now === JSON.stringify(model.standard) ? null : now)
  })
}

function linkButton(model) {
  const copy = async () => {
    if (await copyText(location.href)) tellBriefly(model, "The link is copied.")
    else model.notice = "The browser refuses to copy; the link is in its address bar."
  }
  const button = iconButton("link", "Copy a link to what is shown", copy, {
    title: "Copy a link to what is shown (L)",
  })
  watch(model, ["address"], () => {
    button.hidden = model.address == null || !model.page
  })
  return button
}

/** `leave()` takes the focus, where the notice with it ends. */
function noticeLine(model, leave) {
  const words = h("span", { class: "words" })
  const close = () => {
    Object.assign(model, { notice: "", offer: "" })
  }
  const offer = h("button", { class: "btn", onclick: () => model.send_msg({ action: "take_offer" }) })
  const compare = h(
    "button",
    { class: "btn", onclick: () => model.send_msg({ action: "compare_offered" }) },
    "Compare",
  )
  const onward = h("button", { class: "btn primary", onclick: () => model.send_msg({ action: "go_on" }) })
  const line = h(
    "div",
    { class: "notice", role: "status" },
    words,
    offer,
    compare,
    onward,
    iconButton("cross", "Close the notice", close, { title: null }),
  )
  let ends = 0
  for (const held of ["pointerenter", "focusin"]) line.addEventListener(held, () => clearTimeout(ends))
  for (const left of ["pointerleave", "focusout"]) line.addEventListener(left, () => wait())
  const wait = () => {
    clearTimeout(ends)
    if (model.offer) ends = setTimeout(close, OFFERED)
  }
  watch(model, ["notice", "offer", "leads"], () => {
    if (!model.offer && line.matches(":focus-within")) leave()
    text(words, model.notice)
    text(offer, model.offer)
    offer.hidden = !model.offer
    compare.hidden = !(
      model.offer &&
      model.leads.compare &&
      model.layout.columns.flat().includes("provenance")
    )
    text(onward, `Next: ${model.leads.next ?? ""}`)
    onward.hidden = !(model.offer && model.leads.next)
    line.hidden = !model.notice
    const { top } = line.getBoundingClientRect()
    const free = top > window.innerHeight / 2 ? top : null // see windowOf
    set(document.documentElement, "data-free", free)
    wait()
  })
  return line
}

const BRIEF = 4000
const OFFERED = 10000 // ms that a notice stays: without and with a button
const LOOK = 10000 // ms between reads of iterations made by others

/** Show a notice for a while. */
function tellBriefly(model, words) {
  Object.assign(model, { notice: words, offer: "" })
  setTimeout(() => {
    if (model.notice === words) model.notice = ""
  }, BRIEF)
}

/** Read iterations made by other windows and scripts, while this window is visible. */
function lookAround(model, root) {
  const look = () => {
    if (!document.hidden && !isLost()) model.send_msg({ action: "look" })
  }
  every(root, LOOK, look)
  listenWhile(root, window, "focus", look)
}
