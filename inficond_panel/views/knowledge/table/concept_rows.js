// One row a concept of a student: influence, what-if, patches, thumbs, and the cards of its parts.

import { details } from "../../../ui/boxes.js"
import { icon, select } from "../../../ui/controls.js"
import { drawOnce, h, keyed, s, set, text } from "../../../ui/elements.js"
import { onMessage } from "../../../ui/model.js"
import { count, fixed, isNumber, percent, signed } from "../../../ui/numbers.js"
import { DIRECTIONS, THUMBS } from "../../../ui/vocabulary.js"
import { drawEffect, effectCard } from "./effect_chart.js"
import { drawHandle, makeHandle } from "./hand.js"
import { directionTo } from "./influence_value.js"
import { isBusy, ownPending, shownRows, unitOf } from "../shared.js"

const KEPT_PATCHES = 2000
const BLANK = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"

/** What all rows share: the scale of the influence bars and of the similarity bars. */
export function rowContext(model, rows) {
  const unitOf = rows.find(({ share }) => share)
  const strongest = unitOf ? unitOf.influence / unitOf.share : 0
  const ghosts = new Map(
    rows.map(({ concept }) => [concept, model.ghosts[concept]]).filter(([, value]) => isNumber(value)),
  )
  const ghostShare = (concept) => (strongest && ghosts.has(concept) ? ghosts.get(concept) / strongest : null)
  const shares = rows.map(({ share }) => share) // no preview: the scale stays until the refit
  const left = Math.max(0.52, -Math.min(0, ...shares))
  const right = Math.max(0.52, ...shares)
  const unit = 90 / (left + right)
  const similarity = Math.max(0, ...rows.flatMap(({ patches }) => patches.map((patch) => patch.similarity)))
  const intents = new Map(ownPending(model).map((intent) => [intent.concept, intent]))
  const place = (share) => Math.max(0, Math.min(100, 1 + (left + share) * unit))
  const ends = [-1, 99].map((percentage) => strongest * (percentage / unit - left))
  return {
    place,
    ends,
    strongest,
    similarity,
    intents,
    ghosts,
    ghostShare,
    frozen: isBusy(model),
    locked: model.locked,
  }
}

/** A row; parts of the details are built only with details. */
export function makeRow({ concept }, send, detailed) {
  const button = (direction) =>
    h(
      "button",
      {
        class: `thumb ${direction}`,
        "data-direction": direction,
        "aria-pressed": "false",
        "aria-label": `${DIRECTIONS[direction].verb} ${concept}`,
        onclick: () => send("toggle", { concept, direction }),
      },
      icon(DIRECTIONS[direction].icon),
    )
  const told = (name) => h("span", { class: `${name} num` })
  const only = detailed
    ? {
        rank: told("rank"),
        influence: told("influence"),
        suspect: told("suspect"),
        discrepancy: told("discrepancy"),
        then: told("then"),
        holds: holdsButton(concept, send),
        factor: factorOf(concept, send),
      }
    : {}
  const open = h(
    "button",
    { class: "open clip offline", title: concept, onclick: () => send("open", { concept }) },
    concept,
  )
  const strength = s("svg", { class: "strength", height: 12, role: "img" })
  const handle = makeHandle(concept)
  const note = h("span", { class: "note" })
  const effect = s("svg", { class: "effect", role: "img" })
  const patches = h("div", { class: "patches", onclick: (event) => openPatch(event, concept, send) })
  const thumbs = THUMBS.map(button)
  const element = h(
    "div",
    { class: "row offline", role: "listitem", "aria-keyshortcuts": detailed ? "u d x g h i" : "u d x g i" },
    only.rank,
    h(
      "div",
      { class: "concept" },
      h("div", { class: "title" }, open, only.influence ?? note),
      h("div", { class: "bar-line" }, strength, handle),
      detailed && h("span", { class: "below" }, note, only.suspect, only.discrepancy, only.then, only.holds),
    ),
    effect,
    patches,
    h("div", { class: "thumbs", role: "group", "aria-label": `Change ${concept}` }, thumbs, only.factor),
  )
  element.parts = { open, strength, handle, note, effect, patches, thumbs, only: detailed && only }
  return element
}

export function fillRow(element, row, model, context) {
  const { open, strength, handle, note, effect, patches, thumbs, only } = element.parts
  const pending = context.intents.get(row.concept)
  const drafted = context.draft?.concept === row.concept
  const intent = drafted ? draftOf(row, context) : pending
  set(
    element,
    "aria-label",
    `${row.rank ? `${row.rank}, ` : ""}${row.concept}, influence ${signed(row.influence, 2)}`,
  )
  element.classList.toggle("current", row.concept === model.concept)
  set(open, "aria-current", row.concept === model.concept ? "true" : null)
  drawOnce(
    strength,
    JSON.stringify([
      row.share,
      intent?.share,
      intent?.direction,
      context.place(0),
      drafted || context.ghostShare(row.concept),
    ]),
    () => strengthOf(row, intent, context, drafted),
  )
  drawHandle(handle, row, intent, model, context)
  set(strength, "aria-label", `influence ${signed(row.influence, 2)}`)
  drawOnce(note, JSON.stringify([intent, row.held, row.since]), () => noteOf(row, intent, Boolean(only)))
  set(note, "class", `note ${intent?.direction ?? ""}`)
  drawEffect(effect, row, intent, model, drafted)
  fillPatches(patches, row, model.options, context)
  for (const button of thumbs) {
    set(button, "aria-pressed", String(pending?.direction === button.dataset.direction))
    button.disabled = context.frozen
    const { verb, key } = DIRECTIONS[button.dataset.direction]
    set(button, "title", context.locked || `${verb} (${key})`)
  }
  if (only) {
    fillDetails(only, row, model, context, {
      pending,
      intent,
      ghost: drafted ? undefined : context.ghosts.get(row.concept),
    })
  }
}

function fillDetails(only, row, model, context, { pending, intent, ghost }) {
  const now = signed(row.influence, 2)
  const after = isNumber(ghost) ? signed(ghost, 2) : now
  text(only.rank, row.rank ?? "–")
  text(only.influence, now)
  const isSaid = after === now || after === signed(intent?.value, 2) // by the influence, or by the bound
  text(only.then, isSaid ? "" : `→ ${after}`)
  drawSuspect(only.suspect, row, model.shift)
  drawDiscrepancy(only.discrepancy, row, model.sort)
  drawHolds(only.holds, row, model.stability[row.concept])
  only.holds.hidden = row.influence === 0 && !model.stability[row.concept]
  drawFactor(only.factor, pending, model.options.factors, context.frozen)
}

/** The bound that the present drag would set. */
function draftOf(row, { draft: { value }, strongest }) {
  const direction = directionTo(value, row.influence)
  return (
    direction && {
      direction,
      value,
      share: strongest ? value / strongest : 0,
      bound: `${direction === "up" ? "≥" : "≤"} ${fixed(value, 2)}`,
    }
  )
}

/** The factor of one pending thumb. */
function factorOf(concept, send) {
  const element = select(`Factor of ${concept}`, [], null, (x) =>
    send("set_own_factor", { concept, factor: Number(x) }),
  )
  element.classList.add("own-factor")
  return element
}

function drawFactor(element, intent, factors, frozen) {
  const own = intent?.factor
  const { control } = element
  element.hidden = !own
  if (!own) return control.forget()
  const options = [...new Set([...factors, own])].sort((a, b) => a - b)
  drawOnce(control, JSON.stringify(options), () => options.map((x) => h("option", { value: x }, `×${x}`)))
  control.show(own)
  control.disabled = frozen
}

/** The bar from the zero line; what the batch adds or takes away is dashed: until it is known, the bound. */
function strengthOf({ share, concept }, intent, { place, ghostShare }, drafted) {
  const bound =
    (drafted ? null : ghostShare(concept)) ?? (intent && isNumber(intent.share) ? intent.share : share)
  const solid = share > 0 ? Math.min(share, Math.max(0, bound)) : Math.max(share, Math.min(0, bound))
  const bar = (from, to, name) => {
    const [left, right] = [place(Math.min(from, to)), place(Math.max(from, to))]
    return (
      right > left &&
      s("rect", {
        class: name,
        x: `${left.toFixed(2)}%`,
        width: `${(right - left).toFixed(2)}%`,
        y: 2,
        height: 8,
      })
    )
  }
  const zero = `${place(0).toFixed(2)}%`
  return [
    s("rect", { class: "rest", width: "100%", y: 2, height: 8, rx: 2 }),
    bar(0, solid, share < 0 ? "negative" : "positive"),
    bar(share, bound, `ghost ${intent?.direction ?? ""}`),
    s("line", { class: "zero", x1: zero, x2: zero, y1: 0, y2: 12 }),
  ].filter(Boolean)
}

/** The pending thumb, or else the bound: as a word, and with details its limit. */
function noteOf(row, intent, detailed) {
  const told = (words, more) => h("span", { class: "clip" }, words, h("span", { class: "wide" }, more))
  const words = (...parts) => parts.flatMap((part) => [h("span", {}, part), " "])
  if (intent) {
    const { mark } = DIRECTIONS[intent.direction]
    return detailed ? [told(`${mark} ${intent.bound}`, " pending")] : words(mark, "· waits", "for Fine-tune")
  }
  if (!row.held) return []
  const since = `since ${row.since}`
  if (detailed) return [icon("lock", 11), told(row.held, ` ${since}`)]
  return row.bound ? [icon("lock", 11), ...words("held", since)] : words("thumb", since)
}

function drawSuspect(element, row, { suspects = [] }) {
  const rank = suspects.findIndex(({ concept }) => concept === row.concept) + 1
  drawOnce(element, String(rank || ""), () =>
    rank
      ? [h("span", { "aria-hidden": "true" }, `◆ ${rank}`), h("span", { class: "vh" }, `suspect ${rank}`)]
      : [],
  )
  set(element, "title", suspects[rank - 1]?.hover ?? null)
}

function drawDiscrepancy(element, row, sort) {
  const side = sort === "discrepancy_p" ? "P" : "N"
  const shown = sort.startsWith("discrepancy")
  text(element, shown ? `${side} ${signed(row.discrepancy, 3)}` : "")
  set(element, "title", !shown || isNumber(row.discrepancy) ? null : row.undefined)
}

/** Pictures by segment, the last of them kept; those not there yet are asked for together. */
export function makePictures(model, send, rows) {
  const known = new Map()
  const waiting = new Set()
  const ask = () => {
    const segments = [...waiting]
      .filter((image) => image.isConnected)
      .map((image) => Number(image.dataset.segment))
    if (segments.length) send("pictures", { segments })
    waiting.clear()
  }
  onMessage(model, (message) => {
    for (const [segment, source] of Object.entries(message.pictures ?? {})) known.set(segment, source)
    for (const image of rows.querySelectorAll("img")) paint(image)
    for (const segment of [...known.keys()].slice(0, -KEPT_PATCHES)) known.delete(segment)
  })
  const paint = (image) => {
    const source = known.get(image.dataset.segment)
    if (source) set(image, "src", source)
    return Boolean(source)
  }
  const want = (image) => {
    if (paint(image)) return
    if (!waiting.size && !rows.classList.contains("long")) setTimeout(ask)
    waiting.add(image)
  }
  return { want, ask }
}

/** Open the photo that a patch is cut from, instead of the concept of the row. */
function openPatch(event, concept, send) {
  const patch = event.target.closest(".patch")
  if (!patch) return
  event.stopPropagation()
  send("open_patch", { concept, segment: Number(patch.dataset.segment) })
}

function makePatch({ segment }, pictures) {
  const image = h("img", {
    src: BLANK,
    "data-segment": segment,
    alt: "",
    decoding: "async",
    draggable: "false",
  })
  pictures.want(image)
  return h("span", { class: "patch", "data-segment": segment }, image, h("i", {}, h("b")))
}

function fillPatches(patches, row, { patchless }, { similarity, pictures }) {
  keyed(
    patches,
    row.patches,
    (patch) => patch.segment,
    (patch) => makePatch(patch, pictures),
    (element, patch, index) => {
      set(
        element.firstChild,
        "alt",
        `${row.concept}, patch ${index + 1}, similarity ${patch.similarity.toFixed(2)}`,
      )
      set(element, "title", `similarity ${patch.similarity.toFixed(2)}; a click shows the photo`)
      const share = similarity > 0 ? Math.max(0, patch.similarity) / similarity : 0
      element.lastChild.firstChild.style.width = `${100 * share}%`
    },
  )
  set(patches, "data-none", patchless ? null : row.unpatched || null)
}

// --- whether an influence holds: a button that runs, stops, and tells ---------------------------

export const HOLDS_KEY = "h"

function holdsButton(concept, send) {
  return h(
    "button",
    { class: "holds", "data-kind": "ask", onclick: () => send("find_stability", { concept }) },
    h("i", { class: "progress" }),
    h("span", { class: "clip" }),
  )
}

function drawHolds(button, { concept }, found) {
  const kind = found?.kind ?? "ask"
  const share = Math.round(100 * (found?.progress ?? 0))
  set(button, "data-kind", kind)
  button.firstChild.style.width = kind === "running" ? `${share}%` : "0"
  const names = {
    ask: `stable? Refit to see whether the influence of ${concept} is (H)`,
    running: `Refitting ${share} %: stop it for ${concept}`,
  }
  const titles = {
    ask: "Is its influence stable? Refit on other samples of the training images (H)",
    error: found?.text,
  }
  const words = { ask: "stable?", running: `Refitting ${share} % ✕` }
  text(button.lastChild, words[kind] ?? found.short ?? found.text)
  set(button, "aria-label", names[kind] ?? `${concept}: ${found.text}`)
  set(button, "title", titles[kind] ?? null)
}

function holdsCard(concept, { text: words, rows, scope }) {
  return [h("b", {}, `${concept}: ${words}`), details(rows), h("p", { class: "scope" }, scope)]
}

// --- cards -----------------------------------------------------------------------------------

/** One card for all of a row that has more to say: the chart, the verdict, the bar of influence. */
export function rowHover(rows, model, card, hand) {
  const rowOf = (part) => shownRows(model).find(({ concept }) => concept === part.closest(".row").dataset.key)
  rows.addEventListener("pointermove", (event) => {
    if (hand.draft) return // the chart shows its reading itself
    const part = event.target.closest?.(".effect, .holds, .strength, .influence, .note, .then")
    const row = part && rowOf(part)
    const children = row && cardOf(part, row, model, event.clientX)
    if (children) card.show(part, children)
    else card.hide()
  })
  rows.addEventListener("pointerleave", () => {
    if (!hand.draft) card.hide()
  })
}

/** Children of the card of a part of a row; nothing where the part has no more to say. */
function cardOf(part, row, model, x) {
  if (part.matches(".effect")) return effectCard(part, row, model, x)
  if (!part.matches(".holds")) return influenceCard(row, model)
  const stability = model.stability[row.concept]
  return stability?.kind === "done" && holdsCard(row.concept, stability)
}

function influenceCard(row, model) {
  const ghost = model.ghosts[row.concept]
  const waits = ownPending(model).find(({ concept }) => concept === row.concept)
  const unit = unitOf(row.held) || unitOf(waits?.bound ?? "")
  return [
    h("b", {}, row.concept),
    details(
      [
        ["Influence", signed(row.influence, 3)],
        ["Of the strongest", percent(Math.abs(row.share), 1)],
        ["Rank", row.rank ? `${row.rank} of ${count(model.options.concepts)}` : "–"],
        row.held && ["Thumb", `${row.held} since ${row.since}`],
        waits && ["Waits", waits.bound],
        isNumber(ghost) && ["After this batch", signed(ghost, 3)],
        isNumber(row.discrepancy) && ["Discrepancy", signed(row.discrepancy, 3)],
        !model.options.patchless && ["Assigned segments", count(row.assigned)],
        ...row.scale,
      ].filter(Boolean),
    ),
    ...(unit ? [h("p", { class: "scope" }, unit)] : []),
  ]
}
