"""Markdown of a study as a tree of plain data, which the browser makes elements of.

Raw HTML stays text, links of other kinds than http and mail are left as text, and pictures are
files in the study's folder: nothing is loaded from outside, and no other file is shown.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from markdown_it.token import Token

from inficond_panel.errors import StudyError
from inficond_panel.study.spec.pictures import parse, picture_uri

Tree = list[Any]


def to_tree(text: str, folder: Path) -> Tree:
    """``[text | [tag, attributes, children], ...]``; pictures are taken from ``folder``."""
    return _nested(parse(text), folder)


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
    """A picture as a data URI; its description where it is none that can be shown."""
    try:
        source = picture_uri(str(token.attrGet("src") or ""), folder)
    except StudyError:
        return f"[{token.content}]"
    return ["img", {"src": source, "alt": token.content}, []]
