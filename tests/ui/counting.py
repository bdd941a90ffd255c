"""Controls and numbers that a page shows at once."""

from __future__ import annotations

from playwright.sync_api import Page

#: Roles of what can be pressed, chosen or typed into.
CONTROLS = frozenset(
    {"application", "button", "checkbox", "combobox", "link", "option", "radio", "searchbox"}
    | {"slider", "spinbutton", "switch", "tab", "textbox"}
)
#: What a function finds in the elements that are drawn; what only a screen reader says is not.
WALK = r"""() => {
  const found = [], SKIPPED = ["SCRIPT", "STYLE", "OPTION", "TITLE"]
  const of = OF
  const look = (root) => { for (const element of root.querySelectorAll("*")) {
    if (element.shadowRoot) look(element.shadowRoot)
    if (SKIPPED.includes(element.tagName) || element.closest(".vh")) continue
    if (!element.checkVisibility({ visibilityProperty: true })) continue
    const texts = [...element.childNodes].filter((node) => node.nodeType === 3)
    found.push(...of(element, texts.map((node) => node.data), root))
  } }
  look(document)
  return found
}"""
#: Numbers in texts within the window, those of drawings among them; not what is scrolled away.
NUMBERS = r"""(element, texts, root) => {
  const { left, top, width, height } = element.getBoundingClientRect()
  const at = root.elementFromPoint(left + width / 2, top + height / 2)
  const drawn = at && (element.contains(at) || at.contains(element))
  return drawn ? texts.join(" ").match(/[+−-]?[\d.,]*\d/g) ?? [] : []
}"""
#: Of selects what is chosen, of fields what they say while they are empty.
TEXTS = """(element, texts) => {
  if (element.localName === "select") texts.push(element.selectedOptions[0]?.text)
  return [...texts, element.placeholder].map((text) => text?.trim()).filter(Boolean)
}"""

#: Texts with titles, and names and descriptions for screen readers.
SAID = """(element, texts) => [...texts, ...["title", "aria-label", "aria-description",
  "aria-valuetext", "alt"].map((name) => element.getAttribute(name))].filter(Boolean)"""


def controls(page: Page) -> list[str]:
    """Role and name of each control in the accessibility tree.

    Options of a closed select are none, and the images of a gallery are one.
    """
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    by_id = {node["nodeId"]: node for node in nodes}
    found = []
    for node in nodes:
        role = node.get("role", {}).get("value")
        name = node.get("name", {}).get("value", "")
        if node["ignored"] or role not in CONTROLS or "combobox" in roles_above(node, by_id):
            continue
        found.append("images" if name.startswith("Image ") else f"{role} {name}")
    return list(dict.fromkeys(found))


def roles_above(node: dict, by_id: dict[str, dict]) -> set[str]:
    """Roles of what a node of the accessibility tree is in."""
    found = set()
    while node := by_id.get(node.get("parentId", ""), {}):
        found.add(node.get("role", {}).get("value"))
    return found


def numbers(page: Page) -> list[str]:
    """Numbers that are drawn on the page."""
    return list(page.evaluate(WALK.replace("OF", NUMBERS)))


def texts(page: Page) -> list[str]:
    """Texts that a person can see on the page, but for what is scrolled out of sight too."""
    return list(dict.fromkeys(page.evaluate(WALK.replace("OF", TEXTS))))


def told(page: Page) -> set[str]:
    """All that a person can see, hear or point at."""
    return set(page.evaluate(WALK.replace('|| element.closest(".vh")', "").replace("OF", SAID)))
