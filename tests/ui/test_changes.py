"""Texts of the page on changes: with intervals, or without; reports on a refit."""

from __future__ import annotations

import re

import pytest
from factory import small_spec, twins_spec
from playwright.sync_api import Page, expect
from steps import blocks, concepts, fine_tune, row_of, search, select_class, show_details
from waiting import wait_until

from inficond_panel.tuning import Intent, open_tuner

INTERVAL = re.compile(r"[+−]?\d+\.\d points \[.+, .+\]")
KEYS = ("ap", "f1", "recall", "precision", "accuracy", "fidelity")


def test_cards_and_batches_tell_the_interval_of_a_change_and_simple_none(
    serve, tmp_path, open_page
) -> None:
    server = serve(small_spec(tmp_path))
    tuner = open_tuner(server.spec, history=server.history)
    first = tuner.fine_tune(tuner.root(), [Intent("bicycle", "wheel", "remove")])
    tuner.set_head(tuner.fine_tune(first, [Intent("sheep", "grass", "up", 2.0)]))
    page = select_class(open_page(server.url), "bicycle")
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
    fine_tune(page)
    status = page.locator("#batch-status")
    expect(status).to_contain_text("points [")
    show_details(page, False)
    expect(page.locator(".knowledge .changes")).to_contain_text("points")
    expect(status.get_by_text("[")).to_be_hidden()
    expect(page.locator(".whisker:visible")).to_have_count(0)


def test_without_intervals_the_page_tells_estimates_alone(serve, open_page, tmp_path) -> None:
    """No limits, no word of noise, no band and no whisker: idle, previewed and tuned."""
    page = open_page(serve(small_spec(tmp_path, extra="views: {intervals: false}\n")).url)
    row = concepts(select_class(page, "bicycle")).first
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


@pytest.mark.more  # without a browser: test_confidence.py
def test_legends_and_tables_say_the_level_of_the_spec(serve, tmp_path, open_page) -> None:
    spec = small_spec(tmp_path, extra="views: {confidence: 0.8}\n")
    server = serve(spec)
    tuner = open_tuner(spec, history=server.history)
    node = tuner.fine_tune(tuner.root(), [Intent("bicycle", "wheel", "up")])
    page = open_page(f"{server.url}?class=bicycle&concept=wheel&metrics=open")
    expect(page.locator(".detail .samples")).to_contain_text("80 % interval")
    expect(page.locator(".knowledge .legend")).to_contain_text("80 % interval")
    expect(page.locator("#measures-body th", has_text="80 %").first).to_be_visible()
    page.get_by_role("button", name="Choose by tuning images").click()
    expect(page.locator("#measures-body .threshold")).to_contain_text("change, 80 %")
    assert "95 %" not in page.locator("body").inner_text()
    page.goto(f"{server.url}?class=bicycle&compare={tuner.root_id[:8]},{node.id[:8]}")
    expect(page.locator("dialog.compare .metrics")).to_contain_text("80 % interval")
    assert "95 %" not in page.locator("body").inner_text()


def thumb(page: Page, concept: str, direction: str) -> None:
    search(page, concept)
    button = row_of(page, concept).locator(f".thumb.{direction}")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    search(page, "")


def test_a_refit_is_told_in_one_line_that_opens_with_its_group_and_the_rules_that_decide(
    serve, tmp_path, open_page
) -> None:
    page = select_class(open_page(serve(twins_spec(tmp_path)).url), "bicycle")
    report = page.locator(".knowledge .report")
    line, body = report.locator(".unfold-line"), report.locator(".unfold-body")
    notices, group = page.locator(".knowledge .notices"), page.locator(".knowledge .twin")
    expect(line).to_be_hidden()
    thumb(page, "wheel", "remove")
    expect(group.get_by_role("button", name=re.compile(" too$"))).to_have_count(2)
    fine_tune(page)
    expect(notices).to_be_hidden()
    expect(line).to_contain_text("Effect of #1")
    expect(line).to_contain_text(
        re.compile(r"active bounds? · .+ took over · \d+ predictions? changed")
    )
    expect(body).to_be_hidden()
    concepts(page).first.focus()
    page.keyboard.press("w")
    expect(line).to_have_attribute("aria-expanded", "true")
    for words in ("wheel", "#1", "offset", "is correlated with", "tuning images", "Proved:"):
        expect(body).to_contain_text(words)
    wait_until(lambda: body.bounding_box()["height"] > 60, "the report has its room")
    button = body.get_by_role("button", name="Remove the group")
    button.click()
    expect(blocks(page, ".remove")).to_have_count(3)
    expect(button).to_have_attribute("aria-pressed", "true")
    button.click()
    expect(blocks(page, ".remove")).to_have_count(0)
    page.keyboard.press("w")
    expect(body).to_be_hidden()
    select_class(page, "sheep")  # which was not tuned
    expect(line).to_be_hidden()

    select_class(page, "bicycle")
    thumb(page, "wheel", "up")
    expect(notices).to_contain_text("is replaced by")
    notices.get_by_role("button", name="1 more").click()
    expect(notices).to_contain_text("is 0 now")
    page.get_by_role("button", name="Fine-tune").click()
    expect(line).to_contain_text("Effect of #2")
    expect(notices).to_contain_text("is replaced by")
