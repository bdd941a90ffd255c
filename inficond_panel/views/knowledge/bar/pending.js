// Edits that wait: a block each, and concepts that the same thumb may take as well.

import { drawOnce, h, keyed, setAll, text } from "../../../ui/elements.js"
import { count, fixed } from "../../../ui/numbers.js"
import { DIRECTIONS } from "../../../ui/vocabulary.js"
import { groupButton, heldWords, isBusy, ownPending, ownRepairs } from "../shared.js"

const GROUP_SHOWN = 3 // number of members with a chip; the others are counted

/** A block per pending edit of the student; a click removes the edit. */
export function makeBlocks(model, send) {
  const element = h("div", { class: "blocks", role: "group", "aria-label": "Edits that wait" })
  const draw = () => {
    const thumbs = ownPending(model).map(({ concept, direction, bound }) => ({
      key: `concept ${concept}`,
      place: ["thumb", model.student, concept],
      kind: direction,
      words: concept,
      mark: DIRECTIONS[direction].mark,
      spoken: `${DIRECTIONS[direction].verb.toLowerCase()} ${concept}`,
      title: `${concept} ${heldWords(bound)}`,
    }))
    const repairs = ownRepairs(model).map(({ place, words }) => ({
      key: `repair ${words}`,
      place,
      kind: "repair",
      words,
      mark: "",
      spoken: words,
      title: words,
    }))
    element.hidden = !thumbs.length && !repairs.length
    keyed(
      element,
      [...thumbs, ...repairs],
      ({ key }) => key,
      ({ place }) =>
        h(
          "button",
          { onclick: () => send("take_out", { place }) },
          h("span", { "aria-hidden": "true" }),
          h("b", { class: "clip" }),
        ),
      (block, { kind, words, mark, spoken, title }) => {
        setAll(block, {
          class: `block ${kind}`,
          "aria-label": `Take out: ${spoken}`,
          title: `${title}: take it out`,
        })
        text(block.firstChild, mark)
        text(block.lastChild, words)
      },
    )
  }
  return { element, draw }
}

/** Concepts that may replace the concept of the last thumb: a chip per concept gives it the same thumb, one
    chip gives it to all. */
export function makeTwin(model, send) {
  const element = h("div", { class: "twin", role: "group", "aria-label": "Correlated concepts" })
  const draw = () => {
    element.hidden = !model.group
    drawOnce(element, JSON.stringify([model.group, model.pending, isBusy(model)]), () =>
      model.group ? groupOffer(model, send) : [],
    )
  }
  return { element, draw }
}

function groupOffer(model, send) {
  const { of, members, concepts, direction, more } = model.group
  const { mark, verb } = DIRECTIONS[direction]
  const chip = ({ concept, r }) =>
    h(
      "button",
      {
        class: "group-thumb one",
        disabled: isBusy(model),
        "aria-label": `${verb} ${concept} too`,
        title: `Its correlation with ${of} is ${fixed(r, 2)}: it would take its place`,
        onclick: () => send("join_group", { of, concept }),
      },
      h("span", { "aria-hidden": "true" }, mark),
      h("span", { class: "clip" }, concept),
    )
  const rest = members.length - GROUP_SHOWN + more
  return [
    h("span", { class: "muted" }, "also:"),
    ...members.slice(0, GROUP_SHOWN).map(chip),
    rest > 0 &&
      h(
        "span",
        { class: "muted num", title: `${count(rest)} more concepts correlated with ${of}` },
        `+${count(rest)}`,
      ),
    members.length > 1 && groupButton(model.group, model, send, `all ${concepts.length}`),
  ].filter(Boolean)
}
