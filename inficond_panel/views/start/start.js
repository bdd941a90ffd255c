// Where to begin: a sentence on teacher and students, a card per student that relies on the wrong
// thing, and the line of the batch.

import { callImages, h, keyed, set, text } from "../../ui/elements.js"
import { followTheme, watch } from "../../ui/model.js"
import { percent, unbroken } from "../../ui/numbers.js"
import { drawPicture } from "../../ui/photos/pictures.js"
import { ASKED, DIRECTIONS } from "../../ui/vocabulary.js"

const keyOf = ({ class_name, thing, trait }) =>
  thing || trait ? `${class_name}/${thing || trait}` : class_name

const idOf = (card) => [keyOf(card), card.relies, card.concept, card.bars.of].join("/")

/** A sentence on a fault of the data, with what helps. */
function makeFault({ fault, remedy }) {
  return h("li", {}, h("b", {}, unbroken(fault)), " ", unbroken(remedy))
}

export function render({ model, el }) {
  callImages(model.called)
  const send = (action, detail = {}) => model.send_msg({ action, ...detail })
  const purpose = h("p", { class: "purpose", role: "status" })
  const faults = h("ul", { class: "faults", "aria-label": "What to look at in the data" })
  const cards = h("ul", { class: "cards scroll", "aria-label": "Students to begin with" })
  const checking = makeChecking(model, send)
  const batch = makeBatch(model, send)
  el.append(
    h(
      "section",
      { class: "panel start", "aria-label": "Where to begin" },
      h("div", { class: "panel-head" }, h("h2", {}, "Where to begin")),
      purpose,
      h("div", { role: "status" }, faults), // a list is no status itself
      cards,
      checking.element,
      batch.element,
    ),
  )
  followTheme(model, el)
  watch(model, ["purpose"], () => text(purpose, unbroken(model.purpose)))
  watch(model, ["faults"], () => {
    faults.hidden = !model.faults.length
    faults.replaceChildren(...model.faults.map(makeFault))
  })
  const shown = ["cards", "photos", "likes", "offers", "gainless", "asking", "removed", "batched", "locked"]
  watch(model, shown, () => {
    cards.hidden = !model.cards.length
    keyed(
      cards,
      steady(cards, model.cards),
      idOf,
      (card) => makeCard(card, model.things, send),
      (element, card) => fillCard(element, card, model),
    )
  })
  watch(model, ["checking"], checking.draw)
  watch(model, ["batch", "locked"], batch.draw)
}

/** The cards, in their order on the page while the pointer or the focus is on one: none moves under it, and
    a new one comes last. */
function steady(list, cards) {
  if (!list.matches(":hover, :focus-within")) return cards
  const place = new Map([...list.children].map((element, at) => [element.dataset.key, at]))
  const placeOf = (card) => place.get(idOf(card)) ?? place.size
  return [...cards].sort((a, b) => placeOf(a) - placeOf(b))
}

/** One sentence, a pair of pictures that opens the student, two bars, and a button; or two, of a question
    on what all photos share: the thumb that helps, and the answer that it belongs to the class. */
function makeCard(card, things, send) {
  const { class_name, relies, concept, thing, kind, labelled, trait, bars } = card
  const about = thing || concept || trait
  const opened = card.concepts?.[0] ?? concept
  const shown = labelled ? thing : opened // what the pictures differ by
  const look = () => send("look", { class_name, concept: opened })
  const high = card.high && (!kind || kind === "concept") ? "a high " : "" // a number of a table
  const pair = h("span", { class: "pair" }, makePair(card, shown, high))
  const name = (words, title = null) => h("b", { title }, h("bdi", {}, words))
  return h(
    "li",
    { class: shown || trait ? "" : "plain" },
    h(
      "button",
      {
        class: "look offline",
        title: shown ? `with ${high}${shown}, and without` : null,
        onclick: look,
      },
      h("span", { class: "vh" }, `Look at ${about ? `${about} in ` : ""}${class_name} `),
      pair, // what stands there in place of a picture belongs to the name
    ),
    h(
      "div",
      { class: "words" },
      about
        ? h("p", {}, name(class_name), ` ${relies} `, name(about, card.hover || null), ".")
        : h("p", {}, name(class_name), ": ", h("span")),
      bars.of ? makeBars(class_name, bars, things, high) : about ? h("p") : "",
      thing ? makeAnswers(card, send) : h("div", { class: "offer" }, h("button", OFFER), h("span")),
    ),
  )
}

/** A button takes the words that were held once pointer and focus are off it. */
const letGo = ({ target }) => setTimeout(() => target.held?.()) // a finger leaves before its click
const OFFER = { class: "btn main", onpointerleave: letGo, onblur: letGo }

/** Pictures of the class with a concept and without it; of its training and its tuning images; or one
    picture. */
function makePair({ trait, other }, concept, high) {
  const picture = (name, words) =>
    h(
      "span",
      { class: "shown" },
      h("span", { class: `picture ${name}` }),
      words && h("span", { class: "caption" }, h("span", {}, words)),
    )
  if (trait) return [picture("with", "learned from"), picture("without", other)]
  if (!concept) return [picture("with", "")]
  return [picture("with", [`with ${high}`, h("bdi", {}, concept)]), picture("without", "without")]
}

/** Two bars: how many of the class's photos show the concept, of those learned from and of others; or how
    many photos with a thing, and without it, are found, or wrongly called. */
function makeBars(class_name, { of, thing }, things, high) {
  const [subject, about] = [h("bdi", {}, class_name), h("bdi", {}, thing)]
  const words = {
    shown: [subject, ` ${things} with ${high}`, about],
    found: [subject, ` ${things} that are found`],
    called: [`other ${things} called `, subject],
    such: [`such ${things} of `, subject],
  }
  const bar = () => h("div", {}, h("span"), h("i", { class: "bar" }, h("i")), h("span", { class: "num" }))
  return h("div", { class: "shares", role: "img" }, h("div", { class: "of" }, words[of]), bar(), bar())
}

function fillBars(element, { rows }, sentence) {
  const [, ...bars] = element.children
  bars.forEach((bar, at) => {
    const [label, share] = rows[at]
    text(bar.firstChild, label)
    bar.children[1].firstChild.style.width = `${100 * share}%`
    text(bar.lastChild, percent(share, 1))
  })
  for (const name of ["title", "aria-label"]) set(element, name, sentence)
}

/** The thumb that helps if a thing should not count, and the answer that it belongs to the class. */
function makeAnswers({ class_name, thing, kind, question }, send) {
  const act = (action) => () => send(action, { class_name, kind, thing })
  return h(
    "div",
    { class: "answers" },
    h("span", {}, question),
    h("button", { class: "btn thumb", onclick: act("thumb") }),
    h(
      "button",
      { class: "btn belongs", "aria-label": `${thing} belongs to ${class_name}`, onclick: act("belongs") },
      "It belongs to it",
    ),
  )
}

function fillAnswers([, thumb], { class_name, concepts, direction }, { batched, locked }) {
  const { mark, verb } = DIRECTIONS[direction]
  const waits = batched.includes(class_name)
  const more = concepts.length > 1 ? ` and ${concepts.length - 1} like it` : ""
  text(thumb, waits ? "In the batch" : `${mark} ${verb} ${concepts[0]}${more}`)
  set(thumb, "aria-label", `${verb} ${concepts.join(", ")} for ${class_name}`)
  thumb.hidden = !concepts.length
  set(thumb, "disabled", waits || locked ? "" : null)
  set(thumb, "title", locked || concepts.join(", "))
}

function showPicture(picture, found) {
  if (!found || picture.dataset.image === found.image) return
  picture.dataset.image = found.image
  drawPicture(picture, found, 0, "meet")
}

/** How many students are checked for what all photos share, the button for the others, and a hint on the
    questions. */
function makeChecking(model, send) {
  const words = h("span", { role: "status" })
  const button = h("button", { class: "btn", onclick: () => send("check_all") })
  const more = h("p", { class: "hint" })
  const element = h("div", { class: "checking" }, h("p", {}, words, " ", button), more)
  const draw = () => {
    const { text: told = "", offer = "", hint = "" } = model.checking
    element.hidden = !told
    text(words, told)
    text(button, offer)
    text(more, hint)
    button.hidden = !offer
    more.hidden = !hint
  }
  return { element, draw }
}

/** The gain of a repair arrives last: the button takes it, unless the pointer or the focus is on it. */
function fillCard(element, card, model) {
  const [pair, { children: words }] = element.children
  const found = model.photos[keyOf(card)] ?? []
  ;[...pair.lastChild.children].forEach((place, at) => {
    place.hidden = found.length > 0 && !found[at] // no image of the class is without
    showPicture(place.firstChild, found[at])
  })
  if (card.bars.of) fillBars(words[1], card.bars, card.sentence)
  else text(card.thing || card.concept ? words[1] : words[0].lastChild, unbroken(card.sentence))
  const { children } = words[words.length - 1]
  card.thing ? fillAnswers(children, card, model) : fillOffer(children, card, model)
}

const UNSURE =
  "Repairs were tried on parts of the tuning images; on the other images their gain is within noise. " +
  "With few images a gain can be there all the same: the preview of a thumb shows it with its interval."

/** What the one button of a card does, its words, and whether it is the page's offer. */
function offerOf(
  { class_name, concept, removable, asks, button },
  { offers, gainless, likes, removed, asking, things },
) {
  const offer = offers[class_name]
  const like = likes[class_name] ?? 0
  const about = offer ? `, about ${offer.gain} points` : ""
  const what = `${concept}${like ? ` and ${like} like it` : ""}`
  if (button) return ["look", button, false]
  if (!concept) return asking ? ["ask", `Look at ${ASKED} ${things}`, false] : ["look", "Look", false]
  if (removed.includes(class_name)) return ["", `${what} will be removed`, false]
  if (offer && !offer.removes) return ["repair", `Repair${about}`, true]
  if (asks) return ["look", asks, false]
  if (!removable || gainless.includes(class_name)) return ["look", "Look at it", false]
  return ["remove", `Remove ${what}${about}`, true]
}

function fillOffer([main, note], card, model) {
  const { class_name, concept } = card
  const [action, words, isMain] = offerOf(card, model)
  const other = main.textContent && words !== main.textContent
  const held = action && other && !main.disabled && main.matches(":hover, :focus")
  main.held = held ? () => fillOffer([main, note], card, model) : null
  if (held) return
  text(main, words)
  set(main, "class", `btn main ${action}${isMain ? " primary" : ""}`)
  set(main, "aria-label", `${words}: ${class_name}`)
  set(main, "disabled", !action || (model.locked && isTuning(action)) ? "" : null)
  set(main, "title", (isTuning(action) && model.locked) || null)
  main.onclick = () => model.send_msg({ action, class_name, ...(action === "ask" ? {} : { concept }) })
  const unsure = model.gainless.includes(class_name)
  const advice = action === "repair" ? "" : card.advice
  text(note, [unsure && "A gain is not sure", advice].filter(Boolean).join(". "))
  set(note, "title", unsure ? UNSURE : null)
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
