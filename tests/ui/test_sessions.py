"""Two people and two tabs at one server, and a page that is loaded anew with work that waits."""

from __future__ import annotations

from factory import small_spec
from playwright.sync_api import Page, expect
from steps import blocks, concepts, iterations, select_class
from waiting import comes_to


def current(page: Page, view: str, words: str) -> None:
    expect(page.locator(f".{view} [aria-selected=true]")).to_contain_text(words)


def test_choices_are_of_a_session_and_iterations_are_shared(serve, open_page, tmp_path) -> None:
    server = serve(small_spec(tmp_path))
    ada, bob = (select_class(open_page(server.url), name) for name in ("bicycle", "sheep"))
    concepts(ada).first.locator(".open").click()
    ada.locator(".knowledge .thumb.up").nth(1).click()
    expect(blocks(ada)).to_have_count(1)
    current(ada, "performance", "bicycle")
    current(bob, "performance", "sheep")
    expect(blocks(bob)).to_have_count(0)
    expect(bob.locator(".detail .tile")).to_have_count(0)
    tab = ada.context.new_page()  # has a batch of its own
    tab.goto(ada.url)
    expect(tab.locator(".knowledge .subtitle").first).to_have_text("bicycle")
    expect(concepts(tab).first).to_be_visible()
    expect(blocks(tab)).to_have_count(0)

    ada.get_by_role("button", name="Fine-tune").click()
    expect(iterations(ada)).to_have_count(2)
    bob.evaluate("window.dispatchEvent(new Event('focus'))")  # looks at once, not in a while
    expect(iterations(bob)).to_have_count(2)
    current(bob, "provenance", "#0")
    bob.locator(".knowledge .thumb.down").first.click()
    bob.get_by_role("button", name="Fine-tune").click()  # a branch beside ada's
    expect(iterations(bob)).to_have_count(3)
    current(bob, "provenance", "#2")
    current(ada, "provenance", "#1")
    new = open_page(server.url)  # begins where somebody was last
    expect(iterations(new)).to_have_count(3)
    current(new, "provenance", "#2")


def test_thumbs_that_wait_are_there_after_a_reload(serve, tmp_path, open_page) -> None:
    page = select_class(open_page(serve(small_spec(tmp_path)).url), "bicycle")
    for row, direction in ((0, "down"), (1, "remove")):
        concepts(page).nth(row).locator(f".thumb.{direction}").click()
    expect(blocks(page)).to_have_count(2)
    words = blocks(page).all_inner_texts()
    in_storage = "JSON.stringify(sessionStorage).split('direction').length - 1"
    comes_to(lambda: page.evaluate(in_storage), 2)
    page.reload()
    comes_to(blocks(page).all_inner_texts, words)
    page.get_by_role("button", name="Fine-tune").click()
    for again in (lambda: None, page.reload):
        again()
        expect(iterations(page)).to_have_count(2)
        expect(blocks(page)).to_have_count(0)
        comes_to(lambda: page.evaluate(in_storage), 0)
