"""Browser side of the views: one ES module and one stylesheet a view, read from this folder."""

from importlib.resources import files

#: Files that a view's module is made of, beside base.js and its own; and its stylesheets.
_PARTS = {
    "connection": ("fields",),
    "shell": ("arrange", "save_file", "tour"),
    "configuration": ("whisker",),
    "performance": ("menu", "save_file", "performance_cards"),
    "knowledge": (
        "menu",
        "save_file",
        "near",
        "effect_chart",
        "whisker",
        "batch_bar",
        "refit_report",
        "measures",
        "stability",
        "concept_dialog",
        "concept_rows",
    ),
    "embedding": ("pictures", "near", "group", "segment_card", "save_file"),
    "detail": (
        "pictures",
        "image_dialog",
        "apart",
        "heat",
        "charts",
        "near",
        "gallery",
        "save_file",
    ),
    "provenance": (
        "pictures",
        "image_dialog",
        "whisker",
        "near",
        "compare",
        "menu",
        "deleted_list",
        "save_file",
        "export_dialog",
    ),
}
_STYLES = {
    "embedding": ("image_dialog",),
    "detail": ("image_dialog",),
    "performance": ("menu",),
    "knowledge": ("menu", "knowledge_more"),
    "provenance": ("image_dialog", "menu", "compare"),
}


def module(name: str) -> str:
    """Source of the ES module `name`, with the shared helpers of base.js in front.

    A module that Panel loads can import nothing by a relative path, so its files are joined here.
    """
    return "".join(_read(f"{part}.js") for part in ("base", *_PARTS.get(name, ()), name))


def styles(name: str) -> list[str]:
    """The shared design tokens and controls, then the rules of view `name`."""
    return [_read(f"{part}.css") for part in ("base", *_STYLES.get(name, ()), name)]


def _read(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")
