"""Browser side of the study's pages; the helpers and design tokens are those of the views."""

from importlib.resources import files

_VIEWS = "inficond_panel.ui.esm"


def module(name: str) -> str:
    """Source of the ES module `name`, with the helpers of the views in front."""
    return _read(_VIEWS, "base.js") + _read(__name__, f"{name}.js")


def styles(name: str) -> list[str]:
    """The design tokens and controls of the views, then the rules of `name`."""
    return [_read(_VIEWS, "base.css"), _read(__name__, f"{name}.css")]


def _read(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text(encoding="utf-8")
