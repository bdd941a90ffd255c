// Content without charts and images: why there are none, and concepts to open first.

import { folded } from "../../ui/boxes.js"
import { drawOnce, h } from "../../ui/elements.js"
import { count } from "../../ui/numbers.js"

/** `chosen` are the filters that are on, `clear` takes them off; `open` opens a concept to begin with. */
export function drawEmpty(empty, model, { rows, passing, chosen, clear, open }) {
  const tell = (title, sentence, ...more) => {
    drawOnce(empty, JSON.stringify([title, sentence, model.starts, model.known_tags]), () =>
      [h("b", {}, title), h("p", {}, sentence), ...more].filter(Boolean),
    )
    empty.hidden = false
  }
  const what = model.student ? "concept" : "class_name"
  const items = model.starts.map((start) => startOf(start[what], start, open))
  const offered = folded(
    model.starts.map((start) => start[what]),
    items,
    (more) => h("ul", { class: "starts" }, more),
  )
  const starts =
    items.length &&
    h(
      "ul",
      {
        class: "starts scroll",
        "aria-label": model.student ? "Concepts to begin with" : "Classes to begin with",
      },
      offered,
    )
  const tags =
    model.known_tags.length &&
    h(
      "p",
      { class: "tagged" },
      "Images tagged: ",
      model.known_tags.map((tag) =>
        h(
          "button",
          { class: "chip", onclick: () => model.send_msg({ action: "open_tagged", tag }) },
          h("bdi", {}, tag),
        ),
      ),
    )
  if (!model.student && model.concept) {
    tell(
      model.concept,
      starts
        ? "It counts most in these classes. Open it with one of them:"
        : "No student relies on it. Select a class to see its images.",
      starts,
    )
  } else if (!model.student) {
    tell("Select a class", "Then open one of its concepts: its charts and images appear here.")
  } else if (!model.concept && !model.picked) {
    tell(
      "Open a concept",
      starts ? "One of these, or any that another view names." : "Click its name in another view.",
      starts,
      tags,
    )
  } else if (!rows.length && model.picked) tell("No images", "None is left of those that were picked out.")
  else if (!rows.length) tell("No image shows this concept", "Its score is 0 on every image of this split.")
  else if (!passing.length && chosen.some(([id]) => id === "assigned") && !rows.some((row) => row.assigned)) {
    tell(
      "No segment of these images is assigned to the concept",
      "Each is nearer to another concept.",
      h(
        "button",
        { class: "link offline", onclick: clear },
        `Show all ${count(rows.length)} images by their scores`,
      ),
    )
  } else if (!passing.length) {
    const names = chosen.map(([, name], at) => (at ? name.toLowerCase() : name))
    tell(
      "No image passes the filters",
      `${names.join(" and ")}: 0 of ${count(rows.length)}.`,
      h("button", { class: "link offline", onclick: clear }, "Clear filters"),
    )
  } else empty.hidden = true
  empty.classList.toggle("listing", Boolean(starts) && !(model.student && (model.concept || model.picked)))
}

/** A suggested concept or class: its name, and the reason. */
function startOf(name, start, open) {
  const { reason } = start
  return h(
    "li",
    {},
    h(
      "button",
      { class: "offline", title: reason, onclick: () => open(start) },
      h("span", { class: "clip" }, h("b", {}, name)),
      h("span", { class: "small reason" }, reason),
    ),
  )
}
