"""Effect of a spec's filters on its words, before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from inficond_panel.concepts.texts import embed_concepts
from inficond_panel.errors import DataError
from inficond_panel.spec import Spec
from inficond_panel.store import Store
from inficond_panel.vocabulary.splits import FIT
from precompute.batches.reuse import stage_of
from precompute.concepts.corpus import read_corpus
from precompute.concepts.filters import Dropped, class_texts, filter_inactive, filter_texts
from precompute.datasets import load_dataset
from precompute.encoder import load_text_encoder, templates


def filtered_words(spec: Spec, store: Store | None) -> tuple[list[str], list[Dropped], list[str]]:
    """Words that ``concepts.filters`` keep, words they drop, and words without a known score.

    Words are encoded, photos are not. What is active is seen from the scores of ``store``, as far
    as it has the words. Raises ``DataError`` for a spec without filters.
    """
    section = spec.concepts
    filters = section.filters
    if filters is None or not filters.limits():
        raise DataError(
            f"{spec.path.name} has no filters.",
            "Write, for example, concepts.filters: {longest: 30, class_cosine: 0.95, "
            "twin_cosine: 0.95, least_score: 0}.",
        )
    words = read_corpus(Path(section.corpus))
    classes = load_dataset(spec.dataset).classes
    encoder, prompts = load_text_encoder(section.encoder, spec.device), templates(section.prompts)
    text = embed_concepts(encoder, list(words.values()), prompts)
    of_classes = class_texts(encoder, classes, prompts, filters)
    filtered = filter_texts(list(words), text, classes, of_classes, filters)
    kept = [list(words)[i] for i in filtered.kept]
    if filters.least_score is None:
        return kept, filtered.dropped, []
    columns = {name: c for c, name in enumerate(store.concepts)} if store else {}
    known = [name for name in kept if name in columns]
    dropped = [*filtered.dropped, *_fallen_before(store, kept, filters.least_score)]
    if store and known:
        score = store.concept_score[store.rows(FIT)][:, [columns[name] for name in known]]
        dropped += filter_inactive(known, score, filters.least_score).dropped
    fell = {name for name, _, _ in dropped}
    left = [name for name in kept if name not in fell]
    return left, dropped, [name for name in left if name not in columns]


def _fallen_before(store: Store | None, names: Sequence[str], least: float) -> list[Dropped]:
    """Those of ``names`` that fell by the same least score when the store was made: it has no
    scores of them."""
    made = stage_of(store, "text")
    if made.get("inputs", {}).get("filters", {}).get("least_score") != least:
        return []
    dropped = made.get("told", {}).get("dropped", ())
    fallen = {name: why for name, key, why in dropped if key == "least_score"}
    return [(name, "least_score", fallen[name]) for name in names if name in fallen]
