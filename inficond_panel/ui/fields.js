// Keeps typed texts and ticked boxes of a page over an automatic reload.

import { elementsIn } from "./elements.js"

/** The fields of the page; no passwords, and none that only show. */
const fieldsOfPage = () =>
  elementsIn(document).filter(
    (element) => element.matches("input:not([type=password]), textarea") && !element.readOnly,
  )

const isTicked = (field) => field.type === "radio" || field.type === "checkbox"
const nameOf = (field) => field.getAttribute("aria-label") || field.labels?.[0]?.textContent || field.name
const keyOf = (field) =>
  JSON.stringify([field.name, nameOf(field), field.type, isTicked(field) ? field.value : ""])

/** The values of the visible fields: [{key, name, value | ticked}]. */
export function readFields() {
  const found = []
  for (const field of fieldsOfPage()) {
    if (!field.checkVisibility()) continue
    const entry = { key: keyOf(field), name: nameOf(field) }
    if (!isTicked(field) && field.value !== field.defaultValue) found.push({ ...entry, value: field.value })
    if (isTicked(field) && (field.checked || field.type === "checkbox")) {
      found.push({ ...entry, ticked: field.checked })
    }
  }
  return found
}

/** Restore values into the visible fields; return the values whose field is missing. */
export function fillFields(entries) {
  const left = new Map(entries.map((entry) => [entry.key, entry]))
  for (const field of fieldsOfPage()) {
    const entry = left.get(keyOf(field))
    if (!entry || !field.checkVisibility() || field.disabled) continue
    left.delete(entry.key)
    if (isTicked(field) ? field.checked === entry.ticked : field.value === entry.value) continue
    if (isTicked(field)) field.checked = entry.ticked
    else field.value = entry.value
    for (const type of ["input", "change"]) {
      field.dispatchEvent(new Event(type, { bubbles: true, composed: true }))
    }
  }
  return [...left.values()]
}
