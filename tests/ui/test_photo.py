"""A photo of one's own on the page: chosen by keys or dropped, decided by a made encoder."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from precompute_factory import SPEC, TABLE, TIMM, photo, photo_folder
from steps import show_details
from test_accessibility import DROP, findings
from waiting import comes_to

from inficond_panel import open_students
from inficond_panel.common.numbers import signed
from inficond_panel.spec import load_spec

pytest.importorskip("torch")
pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A store that was made of photos, with its encoder and a teacher that can run."""
    import precompute

    folder = photo_folder(tmp_path_factory.mktemp("photo"))
    spec = folder / "spec.yaml"
    text = SPEC.replace(TABLE, TIMM)
    spec.write_text(f"{text}students: {{lambda: 1.0e-9}}\n")  # a made teacher says little
    precompute.run(load_spec(spec), load_spec(spec).store)
    photo(99).save(folder / "new.png")
    photo(98).resize((1500, 900)).save(folder / "large.png")
    (folder / "text.png").write_text("no image")
    return folder


@pytest.fixture(scope="module")
def expected(folder):
    """What the command says of the same photo."""
    students = open_students(folder / "spec.yaml", history=":memory:").fit()
    return students.predict_images([folder / "new.png"])


@pytest.fixture(scope="module")
def url(serve_module, folder, expected) -> str:
    return serve_module(folder / "spec.yaml").url


@pytest.fixture
def page(url, share_page) -> Page:
    """A page without a dialog."""
    page = share_page(url, width=1280, height=900)
    expect(page.locator(".performance [role=option]").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog_of(page)).to_have_count(0)
    page.emulate_media(color_scheme="light")
    return page


def dialog_of(page: Page):
    return page.locator("dialog.photo[open]")


def drop(page: Page, file: Path, place: str) -> None:
    page.evaluate(DROP, [base64.b64encode(file.read_bytes()).decode(), file.name, place])


def says(page: Page, expected) -> None:
    """The dialog tells each class as the command does."""
    for (_, name), row in expected.table.iterrows():
        line = dialog_of(page).locator("tbody tr").filter(has_text=name).locator("td")
        expect(line.first).to_have_text(signed(row["student_logit"]))
        for at, decision in ((2, "student_decision"), (3, "teacher_decision")):
            expect(line.nth(at)).to_have_text("present" if row[decision] else "absent")


def expect_size(picture: Locator, size: tuple[int, int]) -> None:
    found = "(image) => [image.naturalWidth, image.naturalHeight]"
    comes_to(lambda: picture.evaluate(found), [*size])


def test_a_photo_is_chosen_by_keys_and_gone_when_closed(page, folder, expected) -> None:
    page.get_by_role("button", name="Decide a photo").focus()
    page.keyboard.press("Enter")
    dialog = dialog_of(page)
    expect(dialog.get_by_label("Photo", exact=True)).to_be_focused()
    expect(dialog).to_contain_text("at most 1,024 pixels a side")
    assert findings(page) == []
    dialog.locator("input").set_input_files(folder / "new.png")
    says(page, expected)
    first = dialog.locator("tbody tr[aria-current=true]")
    expect(dialog.locator(".parts .sum b")).to_have_text(first.locator("td").first.inner_text())
    parts = expected.parts[expected.parts["concept"] != ""]
    for name in (expected.table.index[0][1], parts.index[0][1]):  # the latter by concepts
        dialog.get_by_role("button", name=name, exact=True).click()
        expect(dialog.locator("h3")).to_have_text(f"{name} by concept: score × influence")
    concept = dialog.locator(".parts .link").first
    concept.click()
    expect(concept).to_have_attribute("aria-pressed", "true")
    expect(dialog.locator(".picture path.line")).to_have_attribute("d", re.compile("^M"))
    assert findings(page) == []
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.get_by_role("button", name="Decide a photo").click()
    expect(dialog).to_be_visible()
    expect(dialog.locator(".found")).to_be_hidden()
    expect(dialog.locator(".picture img")).not_to_have_attribute("src", re.compile(""))


def test_a_photo_is_dropped_and_a_student_that_is_not_sure_enough_does_not_know(
    page, folder, expected
) -> None:
    show_details(page, True)
    drop(page, folder / "new.png", ".shell")
    says(page, expected)
    dialog, answer = dialog_of(page), dialog_of(page).get_by_label("Answer")
    answer.focus()
    for _ in range(4):
        page.keyboard.press("ArrowDown")
    expect(answer.locator("option:checked")).to_have_text("if 99 % right")
    expect(dialog.locator("tbody td:nth-child(4)").first).to_have_text("don't know")  # few images
    for words in ("The student says don't know.", "no image is answered"):
        expect(dialog).to_contain_text(words)
    page.emulate_media(color_scheme="dark")
    assert findings(page) == []
    answer.select_option("always")
    says(page, expected)
    drop(page, folder / "text.png", "dialog.photo")
    expect(dialog.locator(".told")).to_contain_text("This browser cannot read it")
    expect(dialog.locator(".found")).to_be_hidden()


def test_a_photo_that_is_dropped_as_the_dialog_closes_is_decided(page, folder, expected) -> None:
    """All in one turn of the browser, which tells of the closing after it."""
    drop(page, folder / "large.png", ".shell")
    picture = dialog_of(page).locator(".picture img")
    expect(dialog_of(page).locator("tbody tr")).to_have_count(2)
    expect_size(picture, (1024, 614))  # scaled down before it is sent
    content = base64.b64encode((folder / "new.png").read_bytes()).decode()
    close_and_drop = f"([dialog, ...dropped]) => {{ dialog.close(); ({DROP})(dropped) }}"
    dialog = page.locator("dialog.photo").element_handle()
    page.evaluate(close_and_drop, [dialog, content, "new.png", ".shell"])
    says(page, expected)
    expect_size(picture, Image.open(folder / "new.png").size)


def test_a_store_without_encoder_has_no_control_and_says_why(small_url, open_page, folder) -> None:
    page = open_page(small_url, 1280, 900)
    expect(page.locator(".performance [role=option]").first).to_be_visible()
    expect(page.get_by_role("button", name="Keyboard shortcuts")).to_be_visible()
    expect(page.get_by_role("button", name="Decide a photo")).to_have_count(0)
    drop(page, folder / "new.png", ".shell")
    expect(dialog_of(page)).to_contain_text("does not record how its photos were encoded")
    expect(dialog_of(page).locator("input")).to_be_disabled()
