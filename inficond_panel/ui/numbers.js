// Numbers, times and parts of a bar as text.

const MINUS = "\u2212"

// Numbers: AP 0.742, in rings .69, change +1.9 points, influence +1.12, counts 2,476, "–" if undefined.
export const isNumber = (value) => typeof value === "number" && Number.isFinite(value)

export const fixed = (value, digits) => (isNumber(value) ? value.toFixed(digits).replace("-", MINUS) : "–")

export function ring(value) {
  if (!isNumber(value)) return "–"
  return value >= 0.9995 ? "1" : Math.min(value, 0.99).toFixed(2).slice(1) // 1 means all: 0.996 becomes .99
}

export const count = (value) => (isNumber(value) ? value.toLocaleString("en-US") : "–")
export const imagesOf = (many) => `${count(many)} image${many === 1 ? "" : "s"}`
export const percent = (part, whole) => (whole > 0 ? `${Math.round((100 * part) / whole)} %` : "–")

/** A sentence in which no line ends between a number and its %. */
export const unbroken = (sentence) => sentence.replaceAll(" %", "\u00a0%")

export function signed(value, digits) {
  if (!isNumber(value)) return "–"
  const shown = Math.abs(value).toFixed(digits)
  return (Number(shown) === 0 ? "" : value < 0 ? MINUS : "+") + shown
}

export const points = (value) => signed(isNumber(value) ? 100 * value : value, 1)
export const interval = (low, high) => (isNumber(low) ? `[${points(low)}, ${points(high)}]` : "")

/** Who is right on an image, by the name of its fill. */
export const FILL_NAMES = {
  "both-right": "both right",
  "student-wrong": "teacher right, student wrong",
  "both-wrong": "both wrong",
  "teacher-wrong": "student right, teacher wrong",
  "": "label ignored",
}

/** A time as text, in the reader's time zone. */
export const timeOf = (time) =>
  new Date(time).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" })

/** Seconds as minutes and seconds: 1:05. */
export const clockOf = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`
