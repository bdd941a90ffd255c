"""Tags of images, which the events ``tag`` and ``untag`` of a history give and take."""

from __future__ import annotations

import json
from collections.abc import Iterable

from inficond_panel.errors import TuningError
from inficond_panel.tuning.history.events import TAGS, Event

#: Characters of a tag; it stays in the history.
LONGEST_TAG = 40

Tags = dict[str, tuple[str, ...]]


def check_tag(tag: str) -> str:
    """The tag in one line. Raises ``TuningError`` for one that is empty or too long."""
    line = " ".join(tag.split())
    if not 0 < len(line) <= LONGEST_TAG:
        raise TuningError(
            f"An image cannot be tagged {line[:LONGEST_TAG]!r}.",
            f"Give 1 to {LONGEST_TAG} characters.",
        )
    return line


def tag_text(tag: str, images: Iterable[str]) -> str:
    """Text of an event that gives ``images`` a tag, or takes it from them."""
    return json.dumps([tag, *images], ensure_ascii=False)


def apply_tag(tags: Tags, event: Event) -> None:
    """Change ``tags`` (by image, in order) as an event tells; others are passed over.

    Raises ``ValueError`` for one whose text is no tag.
    """
    if event.kind not in TAGS:
        return
    try:
        tag, *images = json.loads(event.text)
    except (ValueError, TypeError):
        raise ValueError(f"event {event.number} has no tag") from None
    if not all(isinstance(part, str) for part in (tag, *images)):
        raise ValueError(f"event {event.number} has no tag")
    for image in images:
        others = set(tags.get(image, ())) - {tag}
        tags[image] = tuple(sorted(others | {tag} if event.kind == "tag" else others))
        if not tags[image]:
            del tags[image]
