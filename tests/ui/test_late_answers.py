"""What a person does before the server's answer is there, on a connection that keeps it back."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect
from waiting import wait_until

pytestmark = pytest.mark.ui


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
    choose(page, "bicycle")
    expect(page.locator(".knowledge .subtitle")).to_have_text("bicycle")
    held.kept = True
    choose(page, "sheep")
    wait_until(lambda: held.holds("sheep"), "the server has chosen the class")
    thumbs = page.locator(".knowledge .rows .thumb.down")
    thumbs.nth(0).click()
    held.release()
    expect(page.locator(".knowledge .subtitle")).to_have_text("sheep")
    thumbs.nth(1).click()
    expect(thumbs.nth(1)).to_have_attribute("aria-pressed", "true")
    page.locator(".knowledge .block.down").click()
    expect(page.locator(".knowledge .block.down")).to_have_count(0)


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
    expect(page.locator(".knowledge .subtitle")).to_have_text(third)
    expect(classes).to_have_value(third)
    assert set(classes.evaluate("(list) => list.shown")) == {third}
