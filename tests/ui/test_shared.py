"""What all photos share, on the page: a question, a thumb, and the answer that it belongs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Locator, Page, expect
from steps import blocks

import inficond_panel
from inficond_panel.tuning import open_tuner

MAN = "man <b>"


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    """Captions: men are seldom blond, in all photos alike; the word for them is hostile."""
    rng = np.random.default_rng(0)
    n = 1500
    man = rng.random(n) < 0.4
    blond = rng.random(n) < np.where(man, 0.08, 0.7)
    words = {"blonde": blond & (rng.random(n) < 0.5), MAN: man}
    words |= {f"word {i}": rng.random(n) < 0.3 for i in range(10)}
    index = [f"{i:04d}.jpg" for i in range(n)]
    label = pd.DataFrame({"blond hair": blond, "hat": rng.random(n) < 0.3}, index).astype(float)
    inficond_panel.from_frames(
        pd.DataFrame(words, index).astype(float),
        3 * (2 * label - 1) + rng.normal(size=label.shape),
        label,
        split=pd.Series(np.resize(["fit", "fit", "fit", "tune", "holdout"], n), index),
        path=(path := tmp_path_factory.mktemp("faces") / "faces.zarr"),
    )
    return path


def question(page: Page) -> Locator:
    return page.locator(".knowledge .finding .questions > div").filter(has_text=MAN)


def test_a_card_of_where_to_begin_asks_about_what_all_photos_share(store, serve, open_page) -> None:
    page = open_page(serve(store).url, 1280, 900)
    card = page.locator(".start .cards > li", has=page.locator(".answers"))
    expect(card).to_contain_text("blond hair may rely on")
    expect(card).to_contain_text("If")
    expect(page.locator(".start .checking")).to_contain_text("checked for 2 of 2 students")
    card.get_by_role("button", name=f"{MAN} belongs to blond hair").click()
    expect(card).to_contain_text("blonde")
    expect(page.locator(".notice")).to_contain_text(f"{MAN} belongs to blond hair.")
    card.get_by_role("button", name="Lower blonde").click()
    expect(blocks(page, ".down")).to_contain_text("blonde")


def test_the_finding_keeps_the_answer_that_a_thing_belongs(store, serve, open_page) -> None:
    server = serve(store)
    page = open_page(f"{server.url}?class=blond%20hair", 1280, 900)
    expect(question(page)).to_contain_text("Of the rows without blond hair, ")
    question(page).get_by_role("button", name=f"{MAN} belongs to blond hair").click()
    expect(question(page)).to_have_count(0)
    settled = page.locator(".knowledge .finding .settled").filter(has_text="Belongs to")
    answer = settled.get_by_role("button", name=MAN)
    expect(answer).to_be_visible()
    tuner = open_tuner(store, history=server.history)
    assert tuner.belonging().has("blond hair", "concept", MAN)
    answer.click()
    expect(question(page)).to_be_visible()


def test_the_finding_fits_a_narrow_page(store, serve, open_page) -> None:
    page = open_page(f"{serve(store).url}?class=blond%20hair", 390, 844)
    page.get_by_role("tab", name="Knowledge").click()
    expect(question(page)).to_be_visible()
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390
