"""Browser side of the views: one ES module and one stylesheet a view, read from this folder."""

from importlib.resources import files


def module(name: str) -> str:
    """Source of the ES module `name`, with the shared helpers of base.js in front.

    A module that Panel loads can import nothing by a relative path, so the two are joined here.
    """
    return _read("base.js") + _read(f"{name}.js")


def styles(name: str) -> list[str]:
    """The shared design tokens and controls, then the rules of view `name`."""
    return [_read("base.css"), _read(f"{name}.css")]


def _read(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")
