"""Places of a page, and what a person does there."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

#: What the status line says after a refit.
DONE = re.compile("now right|No image changed|Done in")


def classes(page: Page) -> Locator:
    return page.locator(".performance [role=option]")


def concepts(page: Page) -> Locator:
    return page.locator(".knowledge .rows > .row")


def row_of(page: Page, concept: str) -> Locator:
    return page.locator(f'.knowledge .rows > .row[data-key="{concept}"]')


def iterations(page: Page) -> Locator:
    return page.locator(".provenance [role=option]")


def blocks(page: Page, kind: str = ":is(.up, .down, .remove)") -> Locator:
    """What waits in the batch."""
    return page.locator(f".knowledge .block{kind}")


def names(rows: Locator) -> list[str]:
    return rows.evaluate_all("all => all.map((one) => one.dataset.key)")


def shown(page: Page, name: str) -> None:
    """Wait until the student of a class is shown."""
    expect(page.locator(".knowledge .subtitle").first).to_have_text(name)


def select_class(page: Page, name: str) -> Page:
    page.locator(f'.performance [role=option][data-key="{name}"]').click()
    shown(page, name)
    expect(concepts(page).first).to_be_visible()
    return page


def select_first(page: Page) -> Page:
    classes(page).first.click()
    expect(concepts(page).first).to_be_visible()
    return page


def open_concept(page: Page, rank: int = 0) -> str:
    """Open the concept of a row; its name, once its images are there."""
    row = page.locator(".knowledge .rows > .row[role=listitem]").nth(rank)
    name = row.get_attribute("data-key")
    row.locator(".open").click()
    expect(page.locator(".detail .subtitle")).to_have_text(name)
    expect(page.locator(".detail .tile img").first).to_be_visible()
    return name


def search(page: Page, concept: str) -> None:
    page.get_by_label("Find concept").fill(concept)
    found = page.locator(".knowledge .tally.found")
    if concept:
        expect(found).to_contain_text(f"found for “{concept}”")
    else:
        expect(found).to_be_hidden()


def fine_tune(page: Page) -> None:
    page.get_by_role("button", name="Fine-tune").click()
    expect(page.locator(".knowledge .status")).to_contain_text(DONE)


def show_details(page: Page, are_shown: bool) -> None:
    page.get_by_role("switch", name="Details").set_checked(are_shown)
