// The page that runs a small network in the browser: a photo, its classes, the concepts that decided, and
// what if a concept counted otherwise. Nothing is sent anywhere.

import { h, isolated } from "../../ui/elements.js"
import { count } from "../../ui/numbers.js"
import { makeClasses } from "./classes.js"
import { makeConcepts } from "./concepts.js"
import { LostConnection, loadNetwork } from "./network.js"
import { preparedOf, readPhoto } from "./photo.js"
import { makeChooser, makePicture, placeWords } from "./picture.js"
import { placeOf, scoresWithout } from "./places.js"
import { logitsOf, outcomesOf } from "./students.js"

const facts = JSON.parse(document.getElementById("facts").textContent)
const MAKE_AGAIN = "Make the page again: inficond page --try POCKET."
const NO_RUNTIME =
  "This browser cannot run the network: it lacks WebAssembly or a part of it. " +
  "Open the page in a current Firefox, Chrome, Edge or Safari."
const FROM_DISK =
  "A browser loads nothing beside a page that it opened from a disk. Put the folder on a web host, " +
  "or write one file: inficond page --try POCKET --output try.html"
const LOST = "The connection was lost. Reload the page when it is back."
const NO_MEMORY =
  "This device has too little free memory for the network. Close other pages and programs, and reload the " +
  "page. A smaller network needs less: inficond page --try POCKET/pocket-int8.onnx"

const status = h("p", { class: "status", role: "status" })
const alert = h("p", { class: "fault", role: "alert" })
const loading = makeLoading()
const chooser = makeChooser(take)
const picture = makePicture()
const classes = makeClasses(facts, pick)
const concepts = makeConcepts(facts, { count: toggle, reset, where })
const examples = h("div", { class: "examples" })
const looked = h(
  "div",
  {},
  alert,
  chooser.element,
  loading.element,
  examples,
  status,
  picture.element,
  classes.element,
)
document.getElementById("try").replaceChildren(looked, concepts.element)

/** The network: scores of a prepared photo. */
let scoresOf = null
/** Of the photo that is shown: its input, its scores, and the scores with one cell hidden. */
let shown = null
let chosen = 0
/** By class, by concept: how often it counts. */
let factors = {}
let place = null
/** They grow with each photo, and with each question where a concept is: a late answer is dropped. */
let photoTurn = 0
let placeTurn = 0

start()

async function start() {
  if (typeof WebAssembly !== "object" || typeof DecompressionStream !== "function") {
    fail(NO_RUNTIME)
    return
  }
  say("Loading the network.")
  try {
    scoresOf = await loadNetwork(facts.preprocessing, loading.show)
  } catch (error) {
    console.warn(error)
    say("")
    fail(loadingFault(error))
    return
  } finally {
    loading.element.hidden = true
  }
  say("")
  chooser.open()
  addExamples()
}

function loadingFault(error) {
  if (location.protocol === "file:" && document.getElementById("model").dataset.file) return FROM_DISK
  if (error instanceof LostConnection) return LOST
  if (isOutOfMemory(error)) return NO_MEMORY
  if (/no available backend/.test(error.message)) return NO_RUNTIME
  return `The network cannot be loaded: ${error.message}. ${MAKE_AGAIN}`
}

/** Browsers and onnxruntime-web have no kind of their own for this error, only words. */
const isOutOfMemory = (error) => /memory|alloc/i.test(error.message)

/** The bar of what has come; `show(come, whole)` in bytes. */
function makeLoading() {
  const bar = h("progress", { "aria-label": "Loading the network" })
  const words = h("span", { class: "num" })
  const megabytes = (bytes) => (bytes / 1e6).toFixed(1)
  const show = (come, whole) => {
    bar.max = whole
    if (come < whole) bar.value = come
    else bar.removeAttribute("value") // the network is being started, for an unknown time
    words.textContent = come < whole ? `${megabytes(come)} of ${megabytes(whole)} MB` : "Starting it"
  }
  return { element: h("div", { class: "loading" }, bar, words), show }
}

function addExamples() {
  facts.examples.forEach((data, at) => {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0))
    const file = new File([bytes], `example ${at + 1}`, { type: "image/jpeg" })
    readPhoto(file).then((photo) => {
      const button = h(
        "button",
        { "aria-label": `Example ${at + 1}`, onclick: () => take(file) },
        photo.shown,
      )
      examples.append(button)
    })
  })
}

/** Show a photo and decide it. */
async function take(file) {
  const mine = ++photoTurn
  fail("")
  say("Looking at the photo")
  let photo
  try {
    photo = await readPhoto(file)
  } catch (error) {
    if (mine !== photoTurn) return
    say("")
    const words = isOutOfMemory(error)
      ? `This device has too little free memory for ${file.name}. Choose a smaller photo.`
      : `${file.name} cannot be read as a photo. Choose a JPEG, PNG or WebP file.`
    fail(isolated(words, [file.name]))
    return
  }
  const began = performance.now()
  try {
    const input = preparedOf(photo, facts.preprocessing)
    const scores = await scoresOf(input)
    if (mine !== photoTurn) return
    if (!scores.every(Number.isFinite)) throw new Error("a score is not a number")
    shown = { input, scores, without: null }
  } catch (error) {
    if (mine === photoTurn) failRun(error)
    return
  }
  factors = {}
  clearPlace()
  picture.show(photo)
  chooser.ready()
  chosen = likeliest()
  say(`Decided in ${count(Math.round(performance.now() - began))} ms, on this device.`)
  draw()
}

function failRun(error) {
  say("")
  picture.say([])
  fail(
    isOutOfMemory(error)
      ? NO_MEMORY
      : `The network fails on this photo: ${error.message}. Reload the page, or choose another photo.`,
  )
}

function likeliest() {
  const logits = logitsOf(facts, shown.scores)
  return logits.indexOf(Math.max(...logits))
}

function pick(k) {
  chosen = k
  clearPlace()
  draw()
}

function toggle(at, factor) {
  const mine = { ...factors[chosen] }
  if (mine[at] === factor) delete mine[at]
  else mine[at] = factor
  factors = { ...factors, [chosen]: mine }
  draw()
}

function reset() {
  factors = { ...factors, [chosen]: {} }
  draw()
}

function draw() {
  const before = outcomesOf(facts, logitsOf(facts, shown.scores))
  const now = outcomesOf(facts, logitsOf(facts, shown.scores, factors))
  classes.draw(now, before, chosen)
  concepts.draw({
    scores: shown.scores,
    k: chosen,
    factors: factors[chosen] ?? {},
    before: before[chosen],
    now: now[chosen],
    place,
  })
}

function clearPlace() {
  placeTurn++
  place = null
  picture.outline([])
  picture.say([])
}

/** Outline the place of a concept, or take the outline away. */
async function where(at) {
  const isOff = place === at
  clearPlace()
  if (isOff) {
    draw()
    return
  }
  const [mine, of, k] = [placeTurn, shown, chosen]
  const isOver = () => mine !== placeTurn
  place = at
  picture.showProgress(0, 1)
  picture.element.scrollIntoView({ block: "nearest" }) // on a phone it is far above the button
  draw()
  const { size } = facts.preprocessing
  try {
    of.without ??= await scoresWithout(of.input, size, scoresOf, picture.showProgress, isOver)
    if (isOver()) return
    const found = await placeOf(of.input, size, scoresOf, of.scores, of.without, at, facts.means[at])
    if (isOver()) return
    showPlace(found, of, k, at)
  } catch (error) {
    if (!isOver()) failRun(error)
  }
}

function showPlace(found, of, k, at) {
  const weight = facts.weights[k].find(([concept]) => concept === at)[1]
  const mean = facts.means[at]
  const isHere = of.scores[at] > mean
  picture.outline(isHere && found.holds ? found.cells : [])
  const value = (score) => weight * (score - mean)
  const names = { concept: facts.concepts[at], className: facts.classes[k] }
  picture.say(placeWords(found, { ...names, whole: of.scores[at], mean, value }))
}

function say(words) {
  status.textContent = words
}

function fail(words) {
  alert.replaceChildren(...(typeof words === "string" ? [words] : words))
}
