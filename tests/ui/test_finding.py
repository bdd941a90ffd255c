"""Findings of the page on a student: wrong labels, an unknown class, too few images."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
from factory import noisy_arrays, small_spec, unknown_arrays
from playwright.sync_api import expect
from steps import blocks, classes, iterations, show_details
from waiting import comes_to

import inficond_panel

SENTENCE = "The teacher does not know 'sheep'"
FEW = 4


def test_labels_that_are_likely_wrong_are_shown_and_corrected(serve, tmp_path, open_page) -> None:
    spec = small_spec(tmp_path, make=noisy_arrays, extra="layout: {show: simple}\n")
    server = serve(spec)
    page = open_page(f"{server.url}?class=bicycle", 1440, 900)
    finding, block = page.locator(".knowledge .finding"), blocks(page, ".repair")
    expect(finding).to_contain_text(
        "Look at the labels that are likely wrong, and correct those that are."
    )
    look = finding.get_by_role("button", name="Look at 50 labels that are likely wrong")
    look.click()
    expect(look).to_have_attribute("aria-expanded", "true")
    labels = finding.get_by_role("listitem")
    expect(labels).to_have_count(50)
    expect(labels.first.locator("img[src^='data:image']")).to_be_visible()
    correct = labels.first.locator(".group-thumb")
    correct.click()
    expect(correct).to_have_attribute("aria-pressed", "true")
    expect(block).to_contain_text("bicycle")
    labels.nth(1).locator(".photo").click()
    expect(page.locator("dialog.large[open]")).to_contain_text("2 of 50")
    page.keyboard.press("Escape")
    block.press("Enter")
    expect(page.get_by_role("button", name="Fine-tune")).to_be_focused()  # the block is gone
    expect(correct).to_have_attribute("aria-pressed", "false")
    correct.click()
    holdout = page.get_by_role("radio", name="Holdout")
    with closing(sqlite3.connect(server.history, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # the refit ends after this
        page.get_by_role("button", name="Fine-tune").click()
        expect(holdout).to_be_disabled()
        other.execute("ROLLBACK")
    expect(iterations(page)).to_have_count(2)
    expect(holdout).to_be_enabled()
    expect(finding.get_by_role("button", name="Look at 49 labels")).to_be_visible()


def few_arrays(**sizes: int) -> dict[str, np.ndarray]:
    """The teacher does not know 'sheep'; four tuning images show 'bird', on which it is right."""
    arrays = unknown_arrays(**sizes)
    label, names = arrays["label"], list(arrays["class_name"])
    bird = names.index("bird")
    shown = np.flatnonzero((arrays["split"] == "tune") & (label[:, bird] == 1))
    label[shown[FEW:], bird] = 0
    return arrays


def test_a_class_that_the_teacher_does_not_know_is_marked_and_one_of_few_photos_comes_last(
    tmp_path, serve, open_page
) -> None:
    spec = small_spec(tmp_path, make=few_arrays, images=600, extra="layout: {show: simple}\n")
    page = open_page(serve(spec).url, 1280, 800)
    finding, last = page.locator(".knowledge .finding .sentence"), classes(page).last
    expect(last).to_have_attribute("data-key", "bird")
    expect(last).to_contain_text(f"n = {FEW}")
    last.click()
    expect(finding).to_contain_text(f"and {FEW} tuning images show")
    comes_to(lambda: finding.bounding_box()["height"] > 42, True)  # whole, in three lines

    table = page.locator(".performance")
    own, other = (table.locator(f'[data-key="{name}"]') for name in ("sheep", "bird"))
    expect(own.locator(".unknown")).to_be_visible()
    expect(other.locator(".unknown")).to_be_hidden()
    expect(own.locator("> .vh")).to_contain_text(SENTENCE)
    expect(table.locator(".legend")).to_contain_text("does not know the class: 1 of 4")
    for details in (True, False):
        show_details(page, details)
        own.click()
        expect(finding).to_contain_text(SENTENCE)
        expect(finding).to_contain_text("imitates noise")
        expect(page.locator(".strip .metric .teacher").first).to_contain_text("teacher 0.")
        other.click()
        expect(finding).not_to_contain_text("does not know")


def test_a_group_in_which_the_teacher_is_worse_is_named_and_opened(
    tmp_path, serve, open_page
) -> None:
    page = open_page(f"{serve(wards(tmp_path)).url}?class=ward", 1280, 800)
    told = page.locator(".knowledge .finding .worse-group")
    expect(told).to_contain_text("The teacher's AP of ward is")
    expect(told).to_contain_text("in “site: B <b>”")
    told.get_by_role("button", name="Look at site: B <b>").click()
    expect(page.locator(".detail")).to_contain_text("site: B <b>")
    page.locator('.performance [data-key="visit again"]').click()
    expect(told).to_be_hidden()


def wards(folder: Path) -> Path:
    """Return a store of rows of three sites; at one the teacher's logits of ward are noise."""
    rng = np.random.default_rng(0)
    ids = [f"{at:04d}" for at in range(1200)]
    site = rng.choice(["A", "B <b>", "C"], 1200)
    scores = rng.normal(size=(1200, 3))
    label = (scores[:, :2] + rng.normal(size=(1200, 2)) > 0.5).astype(int)
    logits = 2 * scores[:, :2] - 1
    logits[site == "B <b>", 0] = rng.normal(size=(site == "B <b>").sum())
    inficond_panel.from_frames(
        pd.DataFrame(scores, ids, ["age", "dose", "visits"]),
        pd.DataFrame(logits, ids, ["ward", "visit again"]),
        pd.DataFrame(label, ids, ["ward", "visit again"]),
        split=pd.Series(np.repeat(["fit", "tune", "holdout"], [700, 400, 100]), ids),
        metadata=pd.DataFrame({"site": site}, index=ids),
        path=(path := folder / "wards.zarr"),
    )
    return path


def test_a_row_of_labels_fades_where_it_goes_on_and_arrow_keys_scroll_it(
    serve, tmp_path, open_page
) -> None:
    spec = small_spec(tmp_path, make=noisy_arrays, extra="layout: {show: simple}\n")
    page = open_page(f"{serve(spec).url}?class=bicycle", 1024, 800)
    row = page.get_by_role("list", name="Labels to look at")
    page.get_by_role("button", name="Look at 50 labels that are likely wrong").click()
    expect(row).to_have_class("labels more-after")
    row.focus()
    page.keyboard.press("ArrowRight")
    expect(row).to_have_class("labels more-after more-before")
    row.evaluate("(row) => row.scrollTo(row.scrollWidth, 0)")
    expect(row).to_have_class("labels more-before")
