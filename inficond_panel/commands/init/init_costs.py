"""What the encoder of a new spec costs beside its teacher, said by ``inficond init``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from inficond_panel.common.installation import path_word

if TYPE_CHECKING:
    from pathlib import Path

    from precompute.detect.writing import SpecDraft

#: A smaller encoder to suggest, as --encoder names it.
SMALLER = "ViT-B-32:openai"


def encoder_lines(draft: SpecDraft, output: Path) -> Iterator[str]:
    """Yield the hint of the chosen encoder, if it has one, and lines on the multiplications of
    encoder and teacher per photo, and what is cheaper; no such lines if the encoder's architecture
    is not at hand, or the teacher is no network."""
    if draft.encoder and draft.encoder.hint:
        yield draft.encoder.hint
    teacher = draft.teacher_cost
    if teacher is None or draft.encoder is None:
        return  # no network was loaded, and none is loaded for this
    from precompute.detect.costs import encoder_cost

    encoder = encoder_cost(draft.encoder.keys, output.parent)
    if encoder is None:
        return
    yield (
        f"A photo costs {_billions(encoder)} multiplications in this encoder, {_billions(teacher)} "
        f"in the teacher: {encoder / teacher:.1f} times as many."
    )
    if encoder > teacher:
        smaller = encoder_cost({"model": SMALLER.partition(":")[0]})
        lower = smaller is not None and smaller < encoder
        other = f"--encoder {SMALLER} ({_billions(smaller or 0)}), or " if lower else ""
        yield (
            f"An export with it costs more than its teacher. Cheaper: {other}later inficond pocket "
            f"{path_word(output)}"
        )


def _billions(count: float) -> str:
    return f"{count / 1e9:.1f} billion" if count >= 5e7 else f"{count / 1e6:.1f} million"
