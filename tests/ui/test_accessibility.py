"""An audit by axe in each state of the page, light and dark; reduced motion; the tab key.

Axe's rules are waived for nobody: what Panel and Bokeh draw on our page keeps them too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from factory import small_spec
from fonts import written_in_ours
from frames import frames
from playwright.sync_api import Page, expect
from steps import (
    blocks,
    classes,
    concepts,
    fine_tune,
    iterations,
    open_concept,
    select_first,
    show_details,
)
from waiting import wait_until

import inficond_panel

#: Rules that axe runs only if asked, beside all that it runs by itself.
ASKED = ("label-content-name-mismatch", "target-size", "td-has-header", "table-fake-caption")
#: Rules that colours and sizes decide, which is what differs in the dark on a small screen.
SEEN = ("color-contrast", "link-in-text-block", "target-size", "scrollable-region-focusable")
#: Drops a file, given as base64, on the first element of a selector.
DROP = """([data, name, place]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0))
  const carried = new DataTransfer()
  carried.items.add(new File([bytes], name, { type: "image/png" }))
  const within = (root) => [...root.querySelectorAll("*")].flatMap((element) =>
    [element, ...(element.shadowRoot ? within(element.shadowRoot) : [])])
  const page = within(document).find((element) => element.matches(place))
  for (const kind of ["dragover", "drop"])
    page.dispatchEvent(new DragEvent(kind, { dataTransfer: carried, cancelable: true }))
}"""


@pytest.fixture(scope="module")
def url(serve_module, tmp_path_factory) -> str:
    return serve_module(small_spec(tmp_path_factory.mktemp("audited"))).url


def findings(page: Page, *only: str) -> list[str]:
    """Findings of axe, one line an element: rule, its place through the shadow roots, message."""
    chosen = {"rules": {rule: {"enabled": True} for rule in ASKED}}
    if only:
        chosen = {"runOnly": {"type": "rule", "values": only}}
    # of what is right one element a rule is told, not thousands
    options = {**chosen, "resultTypes": ["violations"]}
    found = Axe().run(page, options=options).response
    assert sum(len(rule["nodes"]) for rule in found["passes"]) > 0
    return [
        f"{rule['impact']} {rule['id']}: {node['target']} {node['html'][:200]}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def states(page: Page) -> Iterator[str]:
    """Names of the states that a page is brought to, one after the other."""
    key = page.keyboard.press
    expect(classes(page).first).to_be_visible()
    expect(page.locator(".panel.provenance")).to_be_attached()
    expect(page.locator(".provenance .bones")).to_be_hidden()
    yield "begun"
    select_first(page)
    yield "a class"
    open_concept(page)
    expect(page.locator(".map .assigned.lit")).to_contain_text("segments assigned to")
    yield "a concept"
    page.get_by_label("Patches shown").select_option("assigned")
    expect(page).to_have_url(re.compile("patches=assigned"))
    expect(page.locator(".knowledge .patch").first).to_be_visible()
    yield "its segments"
    for row, direction in ((0, "down"), (1, "up"), (2, "remove")):
        concepts(page).nth(row).locator(f".thumb.{direction}").click()
        expect(blocks(page, f".{direction}")).to_have_count(1)
    expect(page.locator(".knowledge .status")).to_contain_text("prediction")  # the preview is there
    yield "a batch"
    show_details(page, False)
    expect(page.locator(".knowledge .rank")).to_have_count(0)
    yield "simple"
    size = page.viewport_size
    page.set_viewport_size({"width": 768, "height": 1024})
    for name in ("Performance", "Knowledge"):
        page.get_by_role("tab", name=name).click()
    expect(page.locator(".knowledge .sentence")).to_be_visible()
    yield "one column"
    page.emulate_media(forced_colors="active")
    yield "forced colours"
    page.set_viewport_size(size)
    show_details(page, True)
    expect(page.locator(".knowledge .rank").first).to_be_visible()
    yield "all in forced colours"
    page.emulate_media(forced_colors="none")
    page.locator(".detail .tile button").first.click()
    expect(page.locator("dialog.large[open] img")).to_be_visible()
    yield "a large image"
    key("Escape")
    fine_tune(page)
    yield "a refit"
    key("w")
    expect(page.locator(".knowledge .report [aria-expanded=true]")).to_be_visible()
    yield "its report"
    key("w")
    key("a")
    page.get_by_role("button", name="Choose by tuning images").click()
    expect(page.locator(".knowledge .threshold table")).to_be_visible()
    yield "a threshold"
    key("a")
    key("b")
    expect(page.locator(".knowledge .repair-panel .path")).to_be_visible()
    yield "repairs"
    key("b")
    yield from states_of_dialogs(page)


def states_of_dialogs(page: Page) -> Iterator[str]:
    key, newest = page.keyboard.press, iterations(page).first
    key("l")
    expect(page.locator(".notice:visible")).to_contain_text("link")
    yield "a link that is copied"
    provenance = page.get_by_role("tab", name="Provenance")
    if provenance.is_visible():
        provenance.click()
    newest.focus()
    key(".")
    expect(page.get_by_role("menuitem").first).to_be_focused()
    yield "a menu"
    key("Escape")
    expect(newest).to_be_focused()
    key("r")
    expect(page.get_by_label(re.compile("^Name of"))).to_be_focused()
    yield "a name that is edited"
    key("Escape")
    expect(newest).to_be_focused()
    key("e")
    expect(page.locator("dialog.export[open] input").first).to_be_visible()
    yield "an export"
    key("Escape")
    newest.focus()
    key("m")
    expect(page.locator("dialog.compare .metrics")).to_be_visible()
    yield "a comparison"
    key("Escape")
    expect(page.locator("dialog.compare")).to_be_hidden()
    key("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    yield "the keys"
    key("Escape")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_hidden()
    page.evaluate(DROP, ["", "photo.png", ".shell"])
    expect(page.locator("dialog.photo[open] .told")).to_contain_text("The store does not record")
    yield "a photo that is refused"
    key("Escape")
    page.get_by_role("radio", name="Holdout").click()
    expect(page.get_by_role("dialog", name="Look at holdout?")).to_be_visible()
    yield "a question"
    page.get_by_role("button", name="Look", exact=True).click()
    expect(page.get_by_text("HOLDOUT", exact=True)).to_be_visible()
    expect(page.locator(".knowledge .status")).to_contain_text("Tuning is off on the holdout")
    expect(page.locator(".knowledge .thumb:enabled")).to_have_count(0)
    yield "the holdout"


#: Contrasts of the dark colours are computed too, in test_vocabulary_palette.py.
DARK = pytest.param("dark", (1280, 800), SEEN, marks=pytest.mark.more)


@pytest.mark.parametrize(("scheme", "size", "rules"), [("light", (1920, 1080), ()), DARK])
def test_axe_finds_nothing_in_any_state(scheme, size, rules, url, open_page) -> None:
    page = open_page(url, *size, color_scheme=scheme)
    found = {state: findings(page, *rules) for state in states(page)}
    assert len(found) == 23
    assert {state: faults for state, faults in found.items() if faults} == {}


def test_axe_finds_nothing_on_a_page_without_pictures(serve, tmp_path, open_page) -> None:
    """Values of rows stand in place of pictures: what is read there is in a button's name."""
    store = tmp_path / "own.zarr"
    inficond_panel.from_frames(**frames(signed=True), path=store)
    page = open_page(serve(store).url)
    expect(page.locator(".start .look .no-photo").first).to_be_visible()
    assert findings(page) == []


def test_the_page_of_an_error_names_the_mistake_in_our_font_and_axe_finds_nothing(
    serve, tmp_path, open_page
) -> None:
    spec = tmp_path / "wrong.yaml"
    spec.write_text("title: Wrong\nteacher: {kind: logit}\nstudnets: {lambda: -1}\n")
    page = open_page(serve(spec, plain_panel=True).url)
    alert = page.get_by_role("alert")
    for words in ("change", "Did you mean", "wrong.yaml:"):
        expect(alert).to_contain_text(words)
    assert written_in_ours(alert.locator("h1"))
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert findings(page) == [], scheme


#: Panel's own that moves all the same: the button of a column that scrolls; none of ours does.
PANEL_MOVES = {"DIV.scroll-button"}
#: What appears at once after a time, and does not move: the text of a page that gets no answer.
APPEARS = {"P.late"}
#: Widgets within which arrow keys move: one of their parts is reached by Tab. A block without an
#: intent only leads to its row, which is such a part.
COMPOSITE = "[role=listbox], [role=list], [role=radiogroup], [role=tablist], [role=menu], .blocks"
#: Helpers for what runs in the page; all of them go through shadow roots.
SCRIPT = """
  function* everything(root = document) {
    for (const element of root.querySelectorAll("*")) {
      yield element
      if (element.shadowRoot) yield* everything(element.shadowRoot)
    }
  }
  function within(element, selector) {
    if (!element) return false
    return Boolean(element.closest(selector)) || within(element.getRootNode().host, selector)
  }
  function focused(root = document) {
    const element = root.activeElement
    return element?.shadowRoot?.activeElement ? focused(element.shadowRoot) : element
  }
  function moves(style) {
    return style.animationName !== "none" || style.scrollBehavior === "smooth"
      || style.transitionDuration.split(", ").some((time) => parseFloat(time) > 0)
  }
  const controls = () => [...everything()].filter((element) =>
    element.matches("button, select, input, textarea, a[href], [tabindex='0']")
    && element.checkVisibility({ visibilityProperty: true })
    && !element.disabled && !within(element, "[inert]"))
  const tell = (element) => `${element.tagName}.${element.className}`
"""


def run(page: Page, expression: str):
    """Value of an expression in the page, which may use the helpers of ``SCRIPT``."""
    return page.evaluate(f"() => {{ {SCRIPT} return {expression} }}")


def test_where_reduced_motion_is_asked_for_nothing_moves_and_tab_reaches_every_control(
    url, open_page
) -> None:
    page = open_page(url, reduced_motion="reduce")
    assert "a batch" in states(page)
    parts = "[null, '::before', '::after']"
    some = f"{parts}.some((part) => moves(getComputedStyle(element, part)))"
    moving = run(page, f"[...everything()].filter((element) => {some}).map(tell)")
    assert set(moving) <= PANEL_MOVES | APPEARS

    run(page, "void (window.reached = new Set())")
    page.locator("h1").click()
    wait_until(lambda: run(page, "controls().length") > 30, "the controls are there")
    for _ in range(run(page, "controls().length")):
        page.keyboard.press("Tab")
        run(page, "void reached.add(focused())")
    # of the radio buttons of a choice Tab reaches one, and arrow keys the others
    twin = "(it) => it?.type === 'radio' && it.name === each.name"
    chosen_by_arrows = f"each.type === 'radio' && [...reached].some({twin})"
    missed = f"each.tabIndex >= 0 && !reached.has(each) && !({chosen_by_arrows})"
    by_tab = f"controls().filter((each) => {missed})"
    assert run(page, f"{by_tab}.map((each) => each.outerHTML.slice(0, 160))") == []
    part = f"each.tabIndex < 0 && !within(each, {COMPOSITE!r})"
    assert run(page, f"controls().filter((each) => {part}).map(tell)") == []
