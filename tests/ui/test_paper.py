"""Requirements of section 5 of InFiConD: met by the page, or behind the switch *Details*."""

from __future__ import annotations

from factory import small_spec
from playwright.sync_api import Page, expect
from steps import concepts, fine_tune, select_class, show_details

GAPS = ["AP gap", "Recall gap", "Precision gap", "F1 gap"]
CURVES = ("F1", "Recall", "Precision", "Accuracy")
#: Parts of the page as it opens, by the view that the paper asks them of.
SIMPLE = {
    "b: student's ring": ".performance .row .ring.student",
    "b: both right": ".performance .legend :text('both right')",
    "b: teacher right, student wrong": ".performance .legend :text('teacher right')",
    "b: both wrong": ".performance .legend :text('both wrong')",
    "b: student right, teacher wrong": ".performance .legend :text('student right')",
    "c: map": ".map .plot canvas",
    "c: t-SNE, UMAP, PCA": ".map [role=radiogroup], .map .seg",
    "d: name that opens the detail": ".knowledge .rows .open",
    "d: bar of influence": ".knowledge .rows .strength",
    "d: line chart": ".knowledge .rows .effect",
    "d: patches": ".knowledge .rows .patches img",
    "d: bar of similarity": ".knowledge .rows .patches i",
    "d: thumb up": ".knowledge .rows .thumb.up",
    "d: thumb down": ".knowledge .rows .thumb.down",
    "d: Fine-tune": "button:has-text('Fine-tune')",
    "e: gallery": ".detail .tile img",
    "f: what was tuned": ".provenance .edits",
    "f: change": ".provenance .change",
    "f: total": ".provenance .total",
}
DETAILS = {
    "b: teacher's ring": ".performance .row .ring.teacher",
    "b: bar of size": ".performance .row .size",
    "d: rank": ".knowledge .rows .rank",
    "e: charts": ".detail .chart",
}


def are_seen(page: Page, parts: dict[str, str]) -> None:
    for asked, selector in parts.items():
        expect(page.locator(selector).filter(visible=True).first, asked).to_be_visible()


def options(page: Page, label: str) -> list[str]:
    choice = page.get_by_label(label, exact=True)
    expect(choice).to_be_visible()
    return choice.locator("option").all_inner_texts()


def test_all_that_the_paper_asks_is_on_the_page_or_one_click_away(
    serve, tmp_path, open_page
) -> None:
    page = select_class(open_page(serve(small_spec(tmp_path)).url, 1440, 900), "bicycle")
    show_details(page, False)
    concepts(page).first.locator(".thumb.up").click()
    fine_tune(page)
    concepts(page).first.locator(".open").click()
    are_seen(page, SIMPLE)
    assert [name for name in options(page, "Sort by") if name in GAPS] == GAPS
    page.locator(".performance [role=option] .ring.student").first.hover()
    expect(page.locator(".card:popover-open")).to_contain_text("Student")
    page.mouse.move(1, 1)
    show_details(page, True)
    are_seen(page, DETAILS)
    assert {"Top 10", "All"} <= set(options(page, "Concepts listed"))
    discrepancies = {"Discrepancy on positives", "Discrepancy on negatives"}
    assert {"Influence"} | discrepancies <= set(options(page, "Sort concepts by"))
    captions = page.locator(".detail .caption").all_inner_texts()
    assert {name[:3] for name in CURVES} <= {text[:3].strip() for text in captions}
