// The user's photo, chosen or dropped: scaled down here, scored by the server, saved nowhere.

import { icon, select } from "../../ui/controls.js"
import { drawOnce, h, isClosed, keyed, s, set, text } from "../../ui/elements.js"
import { watch } from "../../ui/model.js"
import { count } from "../../ui/numbers.js"
import { titledDialog } from "../../ui/parts/dialog.js"
import { partsOf } from "../../ui/parts/signed_bar.js"
import { scaledDown } from "../../ui/photos/canvas.js"

const MOST_BYTES = 10_000_000
const MOST_PIXELS = 100_000_000 // of the file, before it is scaled down
const KINDS = [
  { type: "image/png", quality: 1 },
  ...[0.95, 0.85, 0.7].map((quality) => ({ type: "image/jpeg", quality })),
]
const LOGIT = "Above the threshold of the class, the class is present"
const PIECE = 90_000 // characters of one text in a message

/** The dialog; photos that are dropped on the page open it. */
export function makePhoto(root, page, model) {
  const input = h("input", {
    type: "file",
    id: "photo-file",
    "aria-label": "Photo",
    accept: "image/*",
    "aria-describedby": "photo-how",
    onchange: () => take(input.files[0]),
  })
  const how = h("p", { class: "muted", id: "photo-how" })
  const words = h("div", { class: "told", role: "status" })
  const stop = h(
    "button",
    { class: "btn", onclick: () => model.send_msg({ action: "cancel_photo" }) },
    "Cancel",
  )
  const answer = select(
    "Answer",
    [],
    "",
    (value) => model.send_msg({ action: "abstain_photo", percent: Number(value) }),
    "Answer",
  )
  answer.title =
    "Students decide every photo, or only those on which they reach this accuracy with tuning images"
  const picture = makePicture()
  const classes = makeClasses((name) => model.send_msg({ action: "show_photo_class", name }))
  const parts = makeParts((name) => picture.outline(model.photo, name))
  const found = h("div", { class: "found" }, picture.element, h("div", {}, classes.element, parts.element))
  const pick = h(
    "div",
    { class: "pick" },
    h("label", { class: "drop" }, h("b", {}, "Choose a photo"), h("span", {}, "or drop it here"), input),
    answer,
    stop,
  )
  const { dialog, heading } = titledDialog(
    root,
    "photo",
    "Decide a photo",
    h("span", { class: "grow" }),
    pick,
    how,
    words,
    found,
  )
  let fault = ""
  let turn = 0
  let held = false // until what was shown is forgotten

  dialog.addEventListener("close", () => {
    if (!dialog.open) forget()
  }) // comes with a frame: it may be open again
  for (const place of [page, dialog]) {
    acceptDrops(place, (file) => {
      open()
      take(file)
    })
  }
  watch(model, ["photo", "extent"], draw)

  function open() {
    if (dialog.open) return
    forget()
    held = true
    model.send_msg({ action: "look_for_photos" })
    draw()
    dialog.showModal()
    input.focus()
  }
  /** Forget the photo of a dialog that was closed. */
  function forget() {
    if (!held) return
    held = false
    answer.control.forget()
    turn += 1
    fault = input.value = ""
    picture.forget()
    model.send_msg({ action: "close_photo" })
  }
  /** Scale a file down and send it; a later file replaces it. */
  async function take(file) {
    if (!file || model.photo.missing) return
    const own = ++turn
    fault = ""
    picture.forget()
    if (model.photo.rows.length || model.photo.kind === "deciding") model.send_msg({ action: "close_photo" })
    try {
      const address = await addressOf(await scaled(file, model.photo.side, model.photo.most))
      if (own !== turn) return
      picture.show(address)
      model.send_msg({
        action: "put_photo",
        parts: address.split(",")[1].match(new RegExp(`.{1,${PIECE}}`, "g")) ?? [],
      })
    } catch (error) {
      if (own !== turn) return
      fault =
        error instanceof Refused ? error.message : "This browser cannot read it: choose a JPEG or PNG photo."
      draw()
    }
  }
  function draw() {
    const {
      missing,
      instead,
      side,
      kind,
      text: told,
      remedy,
      progress,
      percents = [],
      percent = 0,
      rows = [],
    } = model.photo
    text(heading, instead ? `Decide new ${instead}` : "Decide a photo")
    pick.hidden = Boolean(instead)
    const busy = kind === "deciding" || kind === "cancelling"
    text(
      how,
      missing
        ? ""
        : `At most ${MOST_BYTES / 1e6} MB. ` +
            `It is scaled down in this browser to at most ${count(side)} pixels a side, so that numbers ` +
            "may differ a little from those of inficond predict. " +
            "It is kept nowhere, and gone when this is closed.",
    )
    how.hidden = Boolean(missing)
    drawOnce(words, JSON.stringify([missing, fault, kind, told, remedy]), () => {
      if (missing) return [icon("note", 14), h("span", {}, missing)]
      if (fault) return [icon("cross", 14), h("span", {}, fault)]
      if (kind === "error") return [icon("cross", 14), h("span", {}, h("b", {}, told), ` ${remedy}`)]
      return busy ? [h("span", { class: "spin" }), h("span", {}, told)] : []
    })
    set(words, "data-progress", busy ? progress : null)
    input.disabled = Boolean(missing)
    answer.hidden = Boolean(missing) || (model.extent === "simple" && !percent)
    drawOnce(answer.control, JSON.stringify(percents), () =>
      percents.map((each) => h("option", { value: each }, each ? `if ${each} % right` : "always")),
    )
    answer.control.show(percent)
    stop.hidden = !busy
    stop.disabled = kind === "cancelling"
    found.hidden = !rows.length
    if (!rows.length) return
    classes.show(model.photo)
    parts.show(model.photo)
    picture.outline(model.photo, parts.outlined())
  }
  return { open }
}

/** A file that is dropped anywhere on the page; without this the browser would leave the page. */
function acceptDrops(page, take) {
  if (isClosed("photos")) return
  const holds = (event) => event.dataTransfer?.types.includes("Files")
  page.addEventListener("dragover", (event) => {
    if (holds(event)) event.preventDefault()
  })
  page.addEventListener("drop", (event) => {
    if (!holds(event)) return
    event.preventDefault()
    take(event.dataTransfer.files[0])
  })
}

// --- what is sent -------------------------------------------------------------------------------------

class Refused extends Error {}

/** The photo upright, on white, at most `side` pixels a side and `most` bytes: each pixel kept where
    that is possible, else as JPEG. */
async function scaled(file, side, most) {
  if (file.size > MOST_BYTES) throw new Refused(`It is larger than ${MOST_BYTES / 1e6} MB.`)
  const bitmap = await createImageBitmap(file)
  try {
    if (bitmap.width * bitmap.height > MOST_PIXELS) {
      throw new Refused(`It has more than ${count(MOST_PIXELS)} pixels.`)
    }
    for (let longest = side; longest >= 64; longest = Math.floor(longest / 2)) {
      const canvas = scaledDown(bitmap, longest)
      for (const { type, quality } of KINDS) {
        const blob = await new Promise((done) => {
          canvas.toBlob(done, type, quality)
        })
        if (blob && blob.size <= most) return blob
      }
    }
  } finally {
    bitmap.close()
  }
  throw new Refused("It is too large.")
}

/** The photo as the text of a URL, in base64. */
const addressOf = (blob) =>
  new Promise((done, fail) => {
    const reader = new FileReader()
    reader.onload = () => done(String(reader.result))
    reader.onerror = fail
    reader.readAsDataURL(blob)
  })

// --- what is shown -------------------------------------------------------------------------------------

function makePicture() {
  const image = h("img", { alt: "The photo" })
  const over = s(
    "svg",
    { preserveAspectRatio: "xMidYMid meet", "aria-hidden": "true" },
    s("path", { class: "under" }),
    s("path", { class: "line" }),
  )
  const element = h("div", { class: "picture" }, image, over)
  const show = (address) => set(image, "src", address)
  const forget = () => show(null)
  const outline = ({ outlines = {}, width, height }, name) => {
    set(over, "viewBox", width ? `0 0 ${width} ${height}` : null)
    for (const path of over.children) set(path, "d", outlines[name] || null)
  }
  return { element, forget, show, outline }
}

function makeClasses(pick) {
  const teacher = h("th", { scope: "col" }, "Teacher")
  const body = h("tbody")
  const none = h("p", { class: "muted" })
  const named = h("p", { class: "named" })
  const element = h(
    "div",
    {},
    named,
    h(
      "div",
      { class: "classes", tabindex: 0, role: "region", "aria-label": "Decisions by class" },
      h(
        "table",
        {},
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            ["Class", "Logit", "Probability", "Student"].map((name) =>
              h("th", { scope: "col", title: name === "Logit" ? LOGIT : null }, name),
            ),
            teacher,
          ),
        ),
        body,
      ),
    ),
    none,
  )
  const make = ({ name }) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, h("button", { class: "link", title: name, onclick: () => pick(name) }, name)),
      ["num", "num", "", ""].map((kind) => h("td", { class: kind || null })),
    )
  const show = ({ rows, named: likeliest, no_teacher: why, student }) => {
    named.hidden = !likeliest
    text(named, likeliest ? `The likeliest class: ${likeliest}` : "")
    teacher.hidden = Boolean(why)
    none.hidden = !why
    text(none, why ? `The teacher's predictions are missing: ${why}.` : "")
    keyed(
      body,
      rows,
      (row) => row.name,
      make,
      (line, row) => {
        set(line, "data-present", row.student)
        set(line, "aria-current", String(row.name === student))
        const [, logit, probability, decided, said] = line.children
        text(logit, row.logit)
        text(probability, row.probability)
        text(decided, row.student)
        text(said, row.teacher)
        said.hidden = Boolean(why)
      },
    )
  }
  return { element, show }
}

/** The logit of one class by concept; a concept's button outlines its segment. */
function makeParts(outline) {
  const title = h("h3")
  const list = h("ul", { class: "parts" })
  const said = h("p")
  const worth = h("p", { class: "muted" })
  const element = h("section", { "aria-label": "Decision by concept" }, title, list, said, worth)
  let chosen = ""
  let student = ""
  const mark = () => {
    for (const item of list.querySelectorAll("[data-name]")) {
      set(item, "data-outlined", String(item.dataset.name === chosen))
    }
    for (const button of list.querySelectorAll(".link")) {
      set(button, "aria-pressed", String(button.parentElement.dataset.name === chosen))
    }
  }
  const choose = (name) => {
    chosen = name
    mark()
    outline(name)
  }
  const nameOf = ({ name, kind }, outlines) =>
    kind || !outlines[name]
      ? h("span", { class: "clip" }, name)
      : h(
          "button",
          { class: "link", title: `Outline the segment nearest to ${name}`, onclick: () => choose(name) },
          name,
        )
  const show = ({ bars, logit, decision, worth: told, student: name, outlines }) => {
    if (name !== student || !(chosen in outlines)) {
      chosen = bars.find((bar) => !bar.kind && bar.share > 0 && outlines[bar.name])?.name ?? ""
    }
    student = name
    text(title, `${name} by concept: score × influence`)
    text(said, `The student says ${decision}.`)
    text(worth, told)
    worth.hidden = !told
    drawOnce(list, JSON.stringify([name, bars, logit]), () =>
      partsOf(bars, logit, (bar) => nameOf(bar, outlines)),
    )
    mark()
  }
  return { element, show, outlined: () => chosen }
}
