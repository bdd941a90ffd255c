// Where to begin: a sentence on teacher and students, a card per student that relies on the wrong
// thing, and the line of the batch.

import { followTheme, h, keyed, set, text, watch } from "../../ui/base.js"
import { drawPicture } from "../../ui/photos/pictures.js"
import { ASKED, DIRECTIONS } from "../../ui/vocabulary.js"

const keyOf = ({ class_name, thing }) => (thing ? `${class_name}/${thing}` : class_name)

const idOf = (card) => `${keyOf(card)}/${card.concept}`

export function render({ model, el }) {
  const send = (action, detail = {}) => model.send_msg({ action, ...detail })
  const purpose = h("p", { class: "purpose", role: "status" })
  const cards = h("ul", { class: "cards scroll", "aria-label": "Students to begin with" })
  const checking = makeChecking(model, send)
  const batch = makeBatch(model, send)
  el.append(
    h(
      "section",
      { class: "panel start", "aria-label": "Where to begin" },
      h("div", { class: "panel-head" }, h("h2", {}, "Where to begin")),
      purpose,
      cards,
      checking.element,
      batch.element,
    ),
  )
  followTheme(model, el)
  watch(model, ["purpose"], () => text(purpose, model.purpose))
  const shown = ["cards", "photos", "likes", "offers", "gainless", "asking", "removed", "batched", "locked"]
  watch(model, shown, () => {
    cards.hidden = !model.cards.length
    keyed(
      cards,
      steady(cards, model.cards),
      idOf,
      (card) => (card.thing ? makeQuestion(card, send) : makeCard(card, send)),
      (element, card) => (card.thing ? fillQuestion : fillCard)(element, card, model),
    )
  })
  watch(model, ["checking"], checking.draw)
  watch(model, ["batch", "locked"], batch.draw)
}

/** The cards, in their order on the page while the pointer is on one: none moves under it. */
function steady(list, cards) {
  const place = new Map([...list.children].map((element, at) => [element.dataset.key, at]))
  if (!list.matches(":hover") || !cards.every((card) => place.has(idOf(card)))) return cards
  return [...cards].sort((a, b) => place.get(idOf(a)) - place.get(idOf(b)))
}

/** One sentence, a pair of pictures that opens the student, two bars, and one button. */
function makeCard({ class_name, relies, concept }, send) {
  const act = (action) => () => send(action, { class_name, concept })
  const what = concept ? `${concept} in ${class_name}` : class_name
  const picture = (name, words) =>
    h(
      "span",
      { class: "shown" },
      h("span", { class: `picture ${name}` }),
      words && h("span", { class: "caption" }, words),
    )
  const pair = concept
    ? [picture("with", ["with ", h("bdi", {}, concept)]), picture("without", "without")]
    : [picture("with", "")]
  const sentence = concept
    ? [h("b", {}, h("bdi", {}, class_name)), ` ${relies} `, h("b", {}, h("bdi", {}, concept)), "."]
    : [h("b", {}, h("bdi", {}, class_name)), ": ", h("span")]
  return h(
    "li",
    { class: concept ? "" : "plain" },
    h("button", { class: "look offline", "aria-label": `Look at ${what}`, onclick: act("look") }, pair),
    h(
      "div",
      { class: "words" },
      h("p", {}, sentence),
      concept ? makeShares(class_name, concept) : "",
      h("div", { class: "offer" }, h("button", { class: "btn main" }), h("span")),
    ),
  )
}

/** Two bars: how many of the class's photos show the concept, of those learned from and of others. */
function makeShares(class_name, concept) {
  const bar = (words) => h("div", {}, h("span", {}, words), h("i", { class: "bar" }, h("i")))
  return h(
    "div",
    { class: "shares", role: "img" },
    h("div", { class: "of" }, h("bdi", {}, class_name), " photos with ", h("bdi", {}, concept)),
    bar("learned from"),
    bar("on screen"),
  )
}

/** A card on what all photos share: a question, with the thumb that helps and the answer that it belongs. */
function makeQuestion({ class_name, relies, concept, thing, kind, concepts }, send) {
  const act = (action) => () => send(action, { class_name, kind, thing })
  const what = `${thing} in ${class_name}`
  const look = () => send("look", { class_name, concept: concept || (concepts[0] ?? "") })
  const button = (name, label, onclick, words) =>
    h("button", { class: `btn ${name}`, "aria-label": label, onclick }, words)
  return h(
    "li",
    { class: "question" },
    h("div", { class: "picture" }),
    h("div", {}, h("p", {}, h("b", {}, class_name), ` ${relies} `, h("b", {}, thing), ". ", h("span"))),
    h(
      "div",
      { class: "acts" },
      button("look offline", `Look at ${what}`, look, "Look"),
      button("thumb", "", act("thumb")),
      button("belongs", `${thing} belongs to ${class_name}`, act("belongs"), "It belongs to it"),
    ),
  )
}

function fillQuestion(element, card, { photos, batched, locked }) {
  const [picture, { firstElementChild: words }, acts] = element.children
  const thumb = acts.children[1]
  const { mark, verb } = DIRECTIONS[card.direction]
  showPicture(picture, photos[keyOf(card)]?.[0])
  text(words.lastChild, card.sentence.replaceAll(" %", "\u00a0%"))
  const waits = batched.includes(card.class_name)
  text(thumb, waits ? "In the batch" : `${mark} ${card.concepts.join(", ")}`)
  set(thumb, "aria-label", `${verb} ${card.concepts.join(", ")} for ${card.class_name}`)
  thumb.hidden = !card.concepts.length
  set(thumb, "disabled", waits || locked ? "" : null)
  set(thumb, "title", locked || null)
}

function showPicture(picture, found) {
  if (!found || picture.dataset.image === found.image) return
  picture.dataset.image = found.image
  drawPicture(picture, found, 0, "slice")
}

/** How many students are checked for what all photos share, and the button for the others. */
function makeChecking(model, send) {
  const words = h("span", { role: "status" })
  const button = h("button", { class: "btn", onclick: () => send("check_all") })
  const element = h("p", { class: "checking" }, words, " ", button)
  const draw = () => {
    const { text: told = "", offer = "" } = model.checking
    element.hidden = !told
    text(words, told)
    text(button, offer)
    button.hidden = !offer
  }
  return { element, draw }
}

/** The gain of a repair arrives last: the button takes it, and no button moves under the pointer. */
function fillCard(element, card, model) {
  const { concept, sentence, shares } = card
  const [pair, words] = element.children
  const { firstElementChild: told, lastElementChild: offer } = words
  const found = model.photos[keyOf(card)] ?? []
  ;[...pair.children].forEach((place, at) => showPicture(place.firstChild, found[at]))
  if (concept) {
    const [, ...bars] = words.children[1].children
    bars.forEach((bar, at) => {
      bar.lastChild.firstChild.style.width = `${100 * shares[at]}%`
    })
    for (const name of ["title", "aria-label"]) set(words.children[1], name, sentence)
  } else text(told.lastChild, sentence)
  fillOffer(offer.children, card, model)
}

/** What the one button of a card does, its words, and whether it is the page's offer. */
function offerOf({ class_name, concept, removable, asks }, { offers, gainless, likes, removed, asking }) {
  const offer = offers[class_name]
  const like = likes[class_name] ?? 0
  const about = offer ? `, about ${offer.gain} points` : ""
  const what = `${concept}${like ? ` and ${like} like it` : ""}`
  if (!concept) return asking ? ["ask", `Look at ${ASKED} photos`, false] : ["look", "Look", false]
  if (removed.includes(class_name)) return ["", `${what} will be removed`, false]
  if (offer && !offer.removes) return ["repair", `Repair${about}`, true]
  if (asks) return ["look", asks, false]
  if (!removable || gainless.includes(class_name)) return ["look", "Look at it", false]
  return ["remove", `Remove ${what}${about}`, true]
}

function fillOffer([main, note], card, model) {
  const { class_name, concept } = card
  const [action, words, isMain] = offerOf(card, model)
  text(main, words)
  set(main, "class", `btn main ${action}${isMain ? " primary" : ""}`)
  set(main, "aria-label", `${words}: ${class_name}`)
  set(main, "disabled", !action || (model.locked && isTuning(action)) ? "" : null)
  set(main, "title", (isTuning(action) && model.locked) || null)
  main.onclick = () => model.send_msg({ action, class_name, ...(action === "ask" ? {} : { concept }) })
  text(note, model.gainless.includes(class_name) ? "No gain expected" : "")
}

const isTuning = (action) => action === "remove" || action === "repair"

/** The pending batch with its button; hidden without a batch. */
function makeBatch(model, send) {
  const words = h("span", { class: "grow", role: "status" })
  const clear = h("button", { class: "btn plain", onclick: () => send("clear") }, "Clear")
  const main = h("button", {
    class: "btn primary",
    "aria-keyshortcuts": "Control+Enter",
    onclick: () => send(isFitting() ? "cancel" : "fine_tune"),
  })
  const element = h("div", { class: "batch" }, words, clear, main)
  const isFitting = () => ["fitting", "cancelling"].includes(model.batch.kind)
  const draw = () => {
    const { thumbs = 0, kind, text: told, progress } = model.batch
    element.hidden = !thumbs && !isFitting()
    text(words, kind === "error" ? told : `${thumbs} change${thumbs === 1 ? " waits" : "s wait"}.`)
    const cancel = { cancelling: "Cancelling…", fitting: `Cancel · ${Math.round(100 * progress)} %` }
    text(main, cancel[kind] ?? "Fine-tune")
    clear.hidden = isFitting()
    set(main, "disabled", model.locked || kind === "cancelling" ? "" : null)
  }
  return { element, draw }
}
