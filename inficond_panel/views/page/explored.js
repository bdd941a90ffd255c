// What a page without a server holds of what can be selected on it: its states, as exploring.py has
// recorded them, the one shown first at the front.

const PLACES = { class_name: "class", concept: "concept", node: "at" } // in the address, as with a server
const ID = 8 // letters of an iteration's id in the address
const LACKING = "not in this file"
const UNSAVED = "not saved" // in the place of a picture: there is room for few letters

const keyOf = ({ node, class_name, concept }) => JSON.stringify([node, class_name, concept])

/** The record as it stands in the file: JSON, compressed, as text. */
export async function unpack(content) {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0))
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))
  return new Response(stream).json()
}

/** `set(changes)` changes properties, each a model, a name and a value; `turned(now, before)` is told
    of another state, and `tell(words)` of one that is not here. */
export function makeExplorer({ places, states, values, pictures, numbers, command }, { set, turned, tell }) {
  const stateOf = ([node, class_name, concept, held]) => ({ node, class_name, concept, held })
  const known = new Map(states.map(stateOf).map((state) => [keyOf(state), state]))
  const at = new Map(places.map((place, index) => [place.join(), index]))
  let now = stateOf(states[0])
  let shown = [...now.held]

  function show(state) {
    const changes = places.flatMap(([model, name], index) => {
      const value = state.held[index]
      return name === "pictures" || shown[index] === value ? [] : [{ model, name, value: values[value] }]
    })
    const before = now
    now = state
    shown = [...state.held]
    set(changes)
    turned(now, before)
  }
  /** A sentence on what the file does not have. */
  function missing({ node, class_name, concept }) {
    const what = [
      concept && `Charts and images of ${concept}`,
      class_name,
      numbers[node] ?? "This iteration",
    ].filter(Boolean)
    return `${what.join(", ")}: ${LACKING}. Open it with: ${command}`
  }
  return {
    first: stateOf(states[0]),
    /** Note that the reader has changed a property: the next state sets it again. */
    forget(model, name) {
      const index = at.get([model, name].join())
      if (index !== undefined) shown[index] = null
    },
    /** Show what is selected after `change`; without the concept where only that is not here.
        Returns whether anything of it is. */
    go(change) {
      const wanted = { ...now, ...change }
      if (!wanted.class_name) wanted.concept = "" // all students
      const moved = wanted.node !== now.node || wanted.class_name !== now.class_name
      const whole = known.get(keyOf(wanted))
      const found = whole ?? (moved ? known.get(keyOf({ ...wanted, concept: "" })) : null)
      show(found ?? now)
      tell(whole ? "" : missing(wanted))
      return Boolean(found)
    },
    /** Pictures for a model that has asked for some by their keys; null where it has none. */
    pictures(model, keys) {
      const index = at.get([model, "pictures"].join())
      if (index === undefined) return null
      const { pictures: numbered, ...message } = values[now.held[index]]
      const lacking = { image: UNSAVED, source: "", width: 4, height: 3, outline: "", score: "" }
      const fill = (picture) =>
        typeof picture === "number"
          ? (pictures[picture] ?? "")
          : { ...picture, source: pictures[picture.source] ?? "" }
      const here = keys.filter((key) => key in numbered || "outlined" in message)
      return {
        ...message,
        pictures: Object.fromEntries(
          here.map((key) => [key, key in numbered ? fill(numbered[key]) : lacking]),
        ),
      }
    },
    /** The present selection, as the part of an address behind #. */
    address() {
      const named = { ...now, node: now.node.slice(0, ID) }
      return new URLSearchParams(
        Object.entries(PLACES)
          .filter(([key]) => named[key])
          .map(([key, name]) => [name, named[key]]),
      ).toString()
    },
    /** The selection that an address names. */
    named(address) {
      const query = new URLSearchParams(address)
      const id = query.get("at")
      const node = id && Object.keys(numbers).find((one) => one.startsWith(id))
      return {
        class_name: query.get("class") ?? "",
        concept: query.get("concept") ?? "",
        ...(node && { node }),
      }
    },
  }
}
