"""Changes on screen: each with its interval, for one class and for all; fidelity by accuracy."""

from __future__ import annotations

import re

import pytest
from factory import small_spec
from playwright.sync_api import Page, expect
from test_main_job import select_class

from inficond_panel.tuning import Intent, open_tuner

pytestmark = pytest.mark.ui

INTERVAL = re.compile(r"[+−]?\d+\.\d points \[.+, .+\]")
KEYS = ("ap", "f1", "recall", "precision", "accuracy", "fidelity")


@pytest.fixture(scope="module")
def served(serve_module, tmp_path_factory: pytest.TempPathFactory):
    """Two iterations, each on another class; the second is shown."""
    server = serve_module(small_spec(tmp_path_factory.mktemp("changes")))
    tuner = open_tuner(server.spec, history=server.history)
    first = tuner.fine_tune(tuner.root(), [Intent("bicycle", "wheel", "remove")])
    tuner.set_head(tuner.fine_tune(first, [Intent("sheep", "grass", "up", 2.0)]))
    return server.url, tuner


@pytest.fixture
def page(served, share_page) -> Page:
    """A page of 'bicycle', with nothing pending."""
    page = share_page(served[0])
    select_class(page, "bicycle")
    return page


def test_a_card_tells_teacher_and_interval_and_a_batch_its_own(page: Page) -> None:
    recall = page.locator(".strip .metric").nth(KEYS.index("recall"))
    expect(recall).to_have_attribute("aria-label", INTERVAL)
    recall.hover()
    card = page.locator(".card:popover-open")
    expect(card).to_contain_text("Teacher")
    expect(card).to_contain_text(INTERVAL)
    page.locator(".knowledge .thumb").first.click()
    line = page.locator(".knowledge .measures .told")
    expect(line).to_contain_text(re.compile(r"→ \d\.\d{3}.*\[.+, .+\]"))
    expect(line).to_have_attribute("title", INTERVAL)
    page.locator(".knowledge .thumb").first.click()
    expect(page.locator(".knowledge .thumb[aria-pressed=true]")).to_have_count(0)


def test_without_intervals_the_page_tells_estimates_alone(serve, open_page, tmp_path) -> None:
    """No limits, no word of noise, no band and no whisker: idle, previewed and tuned."""
    page = open_page(serve(small_spec(tmp_path, extra="views: {intervals: false}\n")).url)
    select_class(page, "bicycle")
    row = page.locator(".knowledge .rows > .row").first
    row.locator(".open").click()
    row.locator(".thumb.down").click()
    expect(page.locator(".knowledge .changes .change").last).to_contain_text("points")
    expect(page.locator(".knowledge .effect .curve")).not_to_have_count(0)
    nothing_of_intervals(page)
    page.get_by_role("button", name="Fine-tune").click()
    expect(page.locator(".provenance .row > .change").first).to_contain_text("points")
    nothing_of_intervals(page)
    page.locator(".knowledge .measures .unfold-line").click()
    expect(page.locator(".knowledge .measures tbody tr")).to_have_count(8)
    nothing_of_intervals(page)


def nothing_of_intervals(page: Page) -> None:
    said = page.locator(":is(.strip, .performance, .knowledge, .detail, .provenance)")
    words = " ".join(said.all_inner_texts())
    assert "points" in words
    assert not re.search(r"\[[+−]?\d[\d.]*, |95 %|noise", words), words
    labels = page.locator(".strip .metric").evaluate_all("all => all.map((m) => m.ariaLabel)")
    assert not [label for label in labels if "[" in label]
    for drawn in (".band", ".swatch-band", ".whisker line", ".whisker circle", ".hollow-dot"):
        expect(page.locator(f"{drawn}:visible")).to_have_count(0)


def test_simple_has_no_interval_in_numbers_or_drawn(served, open_page) -> None:
    page = open_page(served[0])
    select_class(page, "sheep")
    page.locator(".knowledge .rows > .row").first.locator(".thumb.down").click()
    page.get_by_role("button", name="Fine-tune").click()
    expect(page.locator("#batch-status .num")).to_contain_text("points [")
    page.get_by_role("switch", name="Details").uncheck()
    expect(page.locator("#batch-status .num")).to_contain_text("points")
    expect(page.locator("#batch-status").get_by_text("[")).to_be_hidden()
    expect(page.locator(".whisker:visible")).to_have_count(0)
