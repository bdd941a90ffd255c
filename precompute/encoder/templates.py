"""Sentences that a concept is put into, by name or as they are."""

from __future__ import annotations

from collections.abc import Sequence

from inficond_panel.spec.sections.encoder import TEMPLATES


def templates(prompts: Sequence[str]) -> list[str]:
    """The sentences, each with ``{}``: a name of ``TEMPLATES`` stands for its list.

    The lists are OpenAI's for ImageNet, taken from ``open_clip.zero_shot_metadata``.
    """
    found: list[str] = []
    for prompt in prompts:
        found += [prompt] if "{}" in prompt else _named(prompt)
    return list(dict.fromkeys(found))


def _named(name: str) -> list[str]:
    from open_clip import zero_shot_metadata

    return [template("{}") for template in getattr(zero_shot_metadata, TEMPLATES[name])]
