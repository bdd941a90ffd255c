"""Markdown of a study as a tree of plain data, which the browser makes elements of.

Raw HTML stays text, links of other kinds than http and mail are left as text, and pictures are
files in the study's folder: nothing is loaded from outside, and no other file is shown.
"""

from __future__ import annotations

import base64
import mimetypes
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

Tree = list[Any]
_PICTURES = {"image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml"}


def to_tree(text: str, folder: Path) -> Tree:
    """``[text | [tag, attributes, children], ...]``; pictures are taken from ``folder``."""
    tokens = MarkdownIt("commonmark", {"html": False}).enable("table").parse(text)
    return _nested(tokens, folder)


def _nested(tokens: list[Token], folder: Path) -> Tree:
    open_: list[Tree] = [[]]
    for token in tokens:
        if token.type == "inline":
            open_[-1] += _nested(token.children or [], folder)
        elif token.nesting == 1:
            element: Tree = [token.tag, {"href": token.attrGet("href") or ""}, []]
            if token.hidden:  # the paragraph of a tight list
                element = ["", {}, open_[-1]]
            else:
                open_[-1].append(element)
            open_.append(element[2])
        elif token.nesting == -1:
            open_.pop()
        elif token.content or token.type != "text":
            open_[-1].append(_single(token, folder))
    return open_[0]


def _single(token: Token, folder: Path) -> Any:
    match token.type:
        case "softbreak":
            return " "
        case "hardbreak" | "hr":
            return [token.tag, {}, []]
        case "code_inline":
            return ["code", {}, [token.content]]
        case "fence" | "code_block":
            return ["pre", {}, [["code", {}, [token.content]]]]
        case "image":
            return _picture(token, folder)
    return token.content


def _picture(token: Token, folder: Path) -> Any:
    """A picture as a data URI; its description where it is not in the study's folder."""
    file = (folder / str(token.attrGet("src") or "")).resolve()
    kind = mimetypes.guess_type(file.name)[0]
    inside = file.is_relative_to(folder.resolve())
    if kind not in _PICTURES or not inside or not file.is_file():
        return f"[{token.content}]"
    source = f"data:{kind};base64,{base64.b64encode(file.read_bytes()).decode()}"
    return ["img", {"src": source, "alt": token.content}, []]
