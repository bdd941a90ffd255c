// Where to begin: a sentence on teacher and students, a card per student that relies on the wrong
// thing, and the line of the batch.

import { followTheme, h, keyed, set, text, watch } from "../../ui/base.js"
import { drawPicture } from "../../ui/photos/pictures.js"
import { DIRECTIONS } from "../../ui/vocabulary.js"

const keyOf = ({ class_name, thing }) => (thing ? `${class_name}/${thing}` : class_name)

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
  watch(model, ["cards", "photos", "offers", "offering", "removed", "batched", "locked"], () => {
    cards.hidden = !model.cards.length
    keyed(
      cards,
      model.cards,
      (card) => `${keyOf(card)}/${card.concept}`,
      (card) => (card.thing ? makeQuestion(card, send) : makeCard(card, send)),
      (element, card) => (card.thing ? fillQuestion : fillCard)(element, card, model),
    )
  })
  watch(model, ["checking"], checking.draw)
  watch(model, ["batch", "locked"], batch.draw)
}

function makeCard({ class_name, relies, concept }, send) {
  const act = (action) => () => send(action, { class_name, concept })
  const [what, relied] = concept
    ? [`${concept} in ${class_name}`, [` ${relies} `, h("b", {}, concept)]]
    : [class_name, []]
  const repair = h("button", { class: "btn primary", hidden: "", onclick: act("repair") })
  return h(
    "li",
    {},
    h("div", { class: "picture" }),
    h(
      "div",
      {},
      h("p", {}, h("b", {}, class_name), ...relied, h("span")),
      h("div", { class: "offer" }, repair, h("span")),
    ),
    h(
      "div",
      { class: "acts" },
      h(
        "button",
        { class: "btn look offline", "aria-label": `Look at ${what}`, onclick: act("look") },
        "Look",
      ),
      h(
        "button",
        {
          class: "btn remove",
          "aria-label": `Remove it: ${concept} from ${class_name}`,
          onclick: act("remove"),
        },
        "Remove it",
      ),
    ),
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
  showPicture(picture, photos[keyOf(card)])
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

/** The gain of a repair arrives last; room is reserved, so that no button moves under the pointer. */
function fillCard(
  element,
  { class_name, concept, shares, removable },
  { photos, offers, offering, removed, locked },
) {
  const [
    picture,
    {
      children: [
        words,
        {
          children: [repair, gain],
        },
      ],
    },
    { lastElementChild: remove },
  ] = element.children
  const offer = offers[class_name]
  showPicture(picture, photos[class_name])
  text(words.lastChild, `${concept ? "," : ":"} ${shares}.`.replaceAll(" %", "\u00a0%"))
  const waits = removed.includes(class_name)
  const repairs = offer && !offer.removes
  text(remove, waits ? "In the batch" : "Remove it")
  remove.hidden = !removable
  remove.classList.toggle("primary", Boolean(offer?.removes))
  repair.parentElement.hidden = !offering || !concept
  repair.hidden = !repairs
  text(repair, repairs ? `Repair: ${offer.gain} expected` : "")
  text(gain, offer?.removes ? `Without it: ${offer.gain} expected` : "")
  set(remove, "disabled", waits || locked ? "" : null)
  set(repair, "disabled", locked ? "" : null)
  for (const each of [remove, repair]) set(each, "title", locked || null)
}

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
