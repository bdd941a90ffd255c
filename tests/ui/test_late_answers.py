"""Clicks and keys before the server's answer is there, on a connection that keeps it back."""

from __future__ import annotations

import pytest
from factory import small_spec
from long_history import grow
from playwright.sync_api import Page, WebSocketRoute, expect
from steps import blocks, concepts, select_class, shown
from waiting import wait_until

from inficond_panel.tuning import open_tuner


class Held:
    """Messages of the server, passed on to a page; while they are ``kept``, none is."""

    def __init__(self, page: Page) -> None:
        self.page, self.kept, self._messages = page, False, []
        page.route_web_socket("**/ws", self._pass_on)
        page.reload()

    def _pass_on(self, socket: WebSocketRoute) -> None:
        self._socket = socket
        socket.connect_to_server().on_message(self._take)

    def _take(self, message: str | bytes) -> None:
        if self.kept:
            self._messages.append(message)
        else:
            self._socket.send(message)

    def holds(self, words: str) -> bool:
        """True once what is kept has the words."""
        self.page.evaluate("0")  # lets messages come
        return any(words in str(message) for message in self._messages)

    def release(self) -> None:
        """Pass on what was kept, and all that comes."""
        self.kept = False
        while self._messages:
            self._socket.send(self._messages.pop(0))


def choose(page: Page, name: str) -> None:
    page.locator(f'.performance [role=option][data-key="{name}"]').click()


@pytest.fixture
def held(small_url, share_page) -> Held:
    """A page with nothing pending, whose messages can be kept."""

    def hold(page: Page) -> None:
        page.held = Held(page)

    return share_page(small_url, hold).held


def test_a_thumb_on_rows_of_a_student_not_in_view_any_more_is_of_nobody(held):
    page = held.page
    select_class(page, "bicycle")
    held.kept = True
    choose(page, "sheep")
    wait_until(lambda: held.holds("sheep"), "the server has chosen the class")
    thumbs = page.locator(".knowledge .rows .thumb.down")
    thumbs.nth(0).click()
    held.release()
    shown(page, "sheep")
    thumbs.nth(1).click()
    expect(thumbs.nth(1)).to_have_attribute("aria-pressed", "true")
    blocks(page).click()
    expect(blocks(page)).to_have_count(0)


def test_an_answer_to_an_earlier_class_does_not_take_a_later_one_back(held):
    page = held.page
    classes = page.get_by_role("combobox", name="Class", exact=True)
    first, second, third = classes.evaluate(
        "(list) => [...list.options].slice(-3).map((o) => o.value)"
    )
    choose(page, first)
    expect(classes).to_have_value(first)
    classes.evaluate("""(list) => {
      const { get, set } = Object.getOwnPropertyDescriptor(HTMLSelectElement.prototype, "value")
      list.shown = []
      const show = (value) => { list.shown.push(value); set.call(list, value) }
      Object.defineProperty(list, "value", { get, set: show })
    }""")
    classes.focus()
    held.kept = True
    page.keyboard.press("ArrowDown")
    wait_until(lambda: held.holds(second), "the server has chosen the class")
    page.keyboard.press("ArrowDown")
    held.release()
    shown(page, third)
    expect(classes).to_have_value(third)
    assert set(classes.evaluate("(list) => list.shown")) == {third}


def test_the_focus_stays_on_a_row_in_view_when_rows_come_that_were_asked_for_before(
    serve, tmp_path, open_page
) -> None:
    spec = small_spec(tmp_path, seed=1)
    server = serve(spec)
    tuner = open_tuner(spec, history=server.history)
    tuner.set_head(grow(tuner, 200)[-1])
    held = Held(page := open_page(server.url))
    row = '.provenance .row[aria-posinset="{}"]'
    newest, fifth, oldest = (page.locator(row.format(place)) for place in (1, 5, 201))
    newest.focus()
    page.keyboard.press("End")
    expect(oldest).to_be_focused()
    held.kept = True
    page.keyboard.press("Home")
    wait_until(lambda: held.holds('"#195"'), "the server has the newest rows")
    page.keyboard.press("End")
    held.release()
    held.kept = True
    expect(fifth).to_have_count(1)
    expect(oldest).to_be_focused()
    held.release()
    expect(fifth).to_have_count(0)
    expect(oldest).to_be_focused()


#: A search box in which somebody types a word and presses a key, all in one turn of the browser.
HURRIED = """(box, [word, key]) => {
  box.value = word
  box.dispatchEvent(new Event("input"))
  box.dispatchEvent(new KeyboardEvent("keydown", { key }))
}"""


def test_what_is_pressed_before_the_answer_is_done_with_what_was_found(held) -> None:
    page = select_class(held.page, "bicycle")
    find = page.get_by_label("Find concept")
    find.focus()
    find.evaluate(HURRIED, ["hair 2", "Enter"])
    expect(page.locator(".detail .subtitle")).to_have_text("hair 2")
    find.evaluate(HURRIED, ["hair 3", "ArrowDown"])
    expect(page.locator('.knowledge .rows [data-key="hair 3"]')).to_be_focused()
    find.fill("")
    expect(concepts(page)).to_have_count(10)


def test_no_concept_is_missed_before_the_answer(held) -> None:
    page = select_class(held.page, "bicycle")
    tally = page.locator(".knowledge .tally")
    tally.evaluate("""(tally) => {
      tally.told = []
      const tell = () => tally.told.push(tally.textContent)
      new MutationObserver(tell).observe(tally, { childList: true })
    }""")
    for word in ("hair", "wheel"):
        page.get_by_label("Find concept").fill(word)
        expect(tally).to_contain_text(f"found for “{word}”")
    told = tally.evaluate("(tally) => tally.told")
    assert len(told) >= 2
    assert not [words for words in told if "No concept has" in words]
    page.get_by_label("Find concept").fill("")
    expect(concepts(page)).to_have_count(10)
