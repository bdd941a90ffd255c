// Markdown of a study as elements.

import { h } from "../../ui/elements.js"

const TAGS = new Set([
  "h1",
  "h2",
  "h3",
  "p",
  "ul",
  "ol",
  "li",
  "strong",
  "em",
  "code",
  "pre",
  "blockquote",
  "br",
  "hr",
  "a",
  "img",
  "table",
  "thead",
  "tbody",
  "tr",
  "th",
  "td",
])

/** Elements of a tree [tag, attributes, children] that Markdown was read into; text stays text. */
export function nodes(tree) {
  return tree.map((part) => {
    if (typeof part === "string") return document.createTextNode(part)
    const [tag, attributes, children] = part
    return TAGS.has(tag)
      ? h(tag, allowedOf(tag, attributes), nodes(children))
      : h("span", {}, nodes(children))
  })
}

/** The attributes that an element of Markdown keeps. */
function allowedOf(tag, { src, alt, href }) {
  if (tag === "img") return { src, alt }
  return tag === "a" ? { href, target: "_blank", rel: "noreferrer" } : {}
}
