"""An audit by axe in each state of the page, light and dark; reduced motion; the tab key.

Axe's rules are waived for nobody: what Panel and Bokeh draw on our page keeps them too.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from factory import small_spec
from playwright.sync_api import Page, expect
from waiting import wait_until

pytestmark = pytest.mark.ui

#: Rules that axe runs only if asked, beside all that it runs by itself.
ASKED = ("label-content-name-mismatch", "target-size", "td-has-header", "table-fake-caption")

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
    spec = small_spec(tmp_path_factory.mktemp("audited"))
    return serve_module(spec).url


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


def start(page: Page) -> None:
    expect(page.locator(".performance [role=option]").first).to_be_visible()
    expect(page.locator(".panel.provenance")).to_be_attached()
    expect(page.locator(".provenance .bones")).to_be_hidden()


def link_copied(page: Page) -> None:
    page.keyboard.press("Escape")
    page.keyboard.press("l")
    expect(page.locator(".notice:visible")).to_contain_text("link")


def class_chosen(page: Page) -> None:
    page.locator(".performance [role=option]").first.click()
    expect(page.locator(".knowledge .rows > .row").first).to_be_visible()


def concept_open(page: Page) -> None:
    page.locator(".knowledge .rows > .row .open").first.click()
    expect(page.locator(".detail .tile img").first).to_be_visible()
    expect(page.locator(".map .assigned.lit")).to_contain_text("segments assigned to")


def its_segments_chosen(page: Page) -> None:
    page.get_by_label("Patches shown").select_option("assigned")
    expect(page).to_have_url(re.compile("patches=assigned"))
    expect(page.locator(".knowledge .patch").first).to_be_visible()


def batch_pending(page: Page) -> None:
    for row, direction in ((0, "down"), (1, "up"), (2, "remove")):
        page.locator(".knowledge .rows > .row").nth(row).locator(f".thumb.{direction}").click()
        expect(page.locator(f".knowledge .block.{direction}")).to_have_count(1)
    expect(page.locator(".knowledge .status")).to_contain_text("prediction")  # the preview is there


def simple_shown(page: Page) -> None:
    page.get_by_role("switch", name="Details").uncheck()
    expect(page.locator(".knowledge .rank")).to_have_count(0)


def one_column(page: Page) -> None:
    page.usual_size = page.viewport_size
    page.set_viewport_size({"width": 768, "height": 1024})
    for name in ("Performance", "Knowledge"):
        page.get_by_role("tab", name=name).click()
    expect(page.locator(".knowledge .sentence")).to_be_visible()


def forced_colours(page: Page) -> None:
    page.emulate_media(forced_colors="active")


def all_shown_again(page: Page) -> None:
    page.set_viewport_size(page.usual_size)
    page.get_by_role("switch", name="Details").check()
    expect(page.locator(".knowledge .rank").first).to_be_visible()


def large_image(page: Page) -> None:
    page.emulate_media(forced_colors="none")
    page.locator(".detail .tile button").first.click()
    expect(page.locator("dialog.large[open] img")).to_be_visible()


def refit_done(page: Page) -> None:
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Fine-tune").click()
    expect(page.locator(".knowledge .status")).to_contain_text("Done in")


def report_open(page: Page) -> None:
    page.keyboard.press("w")
    expect(page.locator(".knowledge .report [aria-expanded=true]")).to_be_visible()


def threshold_chosen(page: Page) -> None:
    page.keyboard.press("w")
    page.keyboard.press("a")
    page.get_by_role("button", name="Choose by tune").click()
    expect(page.locator(".knowledge .threshold table")).to_be_visible()


def repairs_open(page: Page) -> None:
    page.keyboard.press("a")
    page.keyboard.press("b")
    expect(page.locator(".knowledge .repair-panel .path")).to_be_visible()


def node_menu(page: Page) -> None:
    page.keyboard.press("b")
    provenance = page.get_by_role("tab", name="Provenance")
    if provenance.is_visible():
        provenance.click()
    newest(page).focus()
    page.keyboard.press(".")
    expect(page.get_by_role("menuitem").first).to_be_focused()


def name_edited(page: Page) -> None:
    page.keyboard.press("Escape")
    expect(newest(page)).to_be_focused()
    page.keyboard.press("r")
    expect(page.get_by_label(re.compile("^Name of"))).to_be_focused()


def export_open(page: Page) -> None:
    page.keyboard.press("Escape")
    expect(newest(page)).to_be_focused()
    page.keyboard.press("e")
    expect(page.locator("dialog.export[open] input").first).to_be_visible()


def comparison_open(page: Page) -> None:
    page.keyboard.press("Escape")
    newest(page).focus()
    page.keyboard.press("m")
    expect(page.locator("dialog.compare .metrics")).to_be_visible()


def keys_shown(page: Page) -> None:
    page.keyboard.press("Escape")
    expect(page.locator("dialog.compare")).to_be_hidden()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()


def photo_refused(page: Page) -> None:
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_hidden()
    page.evaluate(DROP, ["", "photo.png", ".shell"])
    expect(page.locator("dialog.photo[open] .told")).to_contain_text("The store does not record")


def holdout_asked(page: Page) -> None:
    page.keyboard.press("Escape")
    page.get_by_role("radio", name="Holdout").click()
    expect(page.get_by_role("dialog", name="Look at holdout?")).to_be_visible()


def holdout_shown(page: Page) -> None:
    page.get_by_role("button", name="Look", exact=True).click()
    expect(page.get_by_text("HOLDOUT", exact=True)).to_be_visible()
    expect(page.locator(".knowledge .status")).to_contain_text("Tuning is off on the holdout")
    expect(page.locator(".knowledge .thumb:enabled")).to_have_count(0)


STATES: tuple[Callable[[Page], None], ...] = (
    start,
    link_copied,
    class_chosen,
    concept_open,
    its_segments_chosen,
    batch_pending,
    simple_shown,
    one_column,
    forced_colours,
    all_shown_again,
    large_image,
    refit_done,
    report_open,
    threshold_chosen,
    repairs_open,
    node_menu,
    name_edited,
    export_open,
    comparison_open,
    keys_shown,
    photo_refused,
    holdout_asked,
    holdout_shown,
)


def newest(page: Page):
    return page.locator(".provenance [role=option]").first


#: Rules that colours and sizes decide, which is what differs in the dark on a small screen.
SEEN = ("color-contrast", "link-in-text-block", "target-size", "scrollable-region-focusable")


@pytest.mark.parametrize(
    ("scheme", "size", "rules"), [("light", (1920, 1080), ()), ("dark", (1280, 800), SEEN)]
)
def test_axe_finds_nothing_in_any_state(scheme, size, rules, url, open_page) -> None:
    page = open_page(url, *size, color_scheme=scheme)
    found = {}
    for enter in STATES:
        enter(page)
        if faults := findings(page, *rules):
            found[enter.__name__] = faults
    assert found == {}


def test_axe_finds_nothing_on_the_page_of_an_error(wrong_url, open_page) -> None:
    page = open_page(wrong_url)
    expect(page.get_by_role("alert")).to_contain_text("change")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert findings(page) == [], scheme


#: Panel's own that moves all the same: the button of a column that scrolls; none of ours does.
PANEL_MOVES = {"DIV.scroll-button"}
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
    for enter in (start, class_chosen, concept_open, batch_pending):
        enter(page)
    nothing_moves(page)
    tab_reaches_every_control(page)


def nothing_moves(page: Page) -> None:
    parts = "[null, '::before', '::after']"
    some = f"{parts}.some((part) => moves(getComputedStyle(element, part)))"
    moving = run(page, f"[...everything()].filter((element) => {some}).map(tell)")
    assert set(moving) <= PANEL_MOVES


def tab_reaches_every_control(page: Page) -> None:
    run(page, "void (window.reached = new Set())")
    page.locator("h1").click()
    wait_until(lambda: run(page, "controls().length") > 30, "the controls are there")
    steps = run(page, "controls().length")
    for _ in range(steps):
        page.keyboard.press("Tab")
        run(page, "void reached.add(focused())")
    by_tab = "controls().filter((each) => each.tabIndex >= 0 && !reached.has(each))"
    assert run(page, f"{by_tab}.map((each) => each.outerHTML.slice(0, 160))") == []
    part = f"each.tabIndex < 0 && !within(each, {COMPOSITE!r})"
    assert run(page, f"controls().filter((each) => {part}).map(tell)") == []
