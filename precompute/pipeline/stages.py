"""Compute the result of each stage of a run, or read it from an existing store."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.common.arrays import Sliced
from inficond_panel.common.numbers import count
from inficond_panel.concepts.scoring import Scored, Scoring, score_corpus
from inficond_panel.concepts.texts import embed_concepts
from inficond_panel.errors import DataError
from inficond_panel.spec import Spec
from inficond_panel.spec.sections.concepts import Filters
from inficond_panel.store import Store
from inficond_panel.vocabulary.splits import FIT
from precompute.batches.results import Arrays, Segmented, stage_of
from precompute.batches.run import Run, RunSettings, encoder_key, loaded
from precompute.concepts.corpus import (
    Dropped,
    Filtered,
    check_left,
    filter_inactive,
    filter_texts,
    read_corpus,
    twin_warnings,
)
from precompute.concepts.umap_projection import project, project_segments
from precompute.datasets import load_dataset
from precompute.encoder import Encoder, encoder_name, load_encoder, load_text_encoder, templates
from precompute.pipeline.inputs import Inputs, photos_for
from precompute.segments.training import train_head
from precompute.teachers.stage import teacher_logits

#: Number of vectors that are compared at a time.
_AT_A_TIME = 8192
#: Names of the store's arrays by the stage that computes them; a store may lack some.
STAGE_ARRAYS = {
    "text": ("concept_text_embedding",),
    "scores": (
        "concept_score",
        "segment_concept",
        "segment_cosine",
        "score_centre",
        "segment_normaliser",
    ),
    "projections": ("concept_projection", "segment_projection"),
    "teacher": (
        *("teacher_logit", "oracle_logit", "teacher_feature"),
        *("other_logit", "other_oracle_logit"),
    ),
}


def encoder_of(inputs: Inputs) -> Encoder:
    """Return the encoder of a run, which is loaded once."""
    load = partial(load_encoder, inputs.encoder, inputs.device)
    return loaded(encoder_key(inputs.encoder), load)


def text(inputs: Inputs, segmented: Segmented) -> Arrays:
    """Return the text embeddings of the concepts that pass the filters, and facts for the store.

    ``segmented`` has the segments, since the filter ``least_score`` needs scores of images.
    """
    encoder = encoder_of(inputs)
    vectors, names = _vectors(encoder, inputs), inputs.concepts
    more: dict[str, Any] = {}
    if inputs.filters:
        filtered = _filter_concepts(inputs, inputs.filters, encoder, vectors, segmented)
        names, vectors = [names[i] for i in filtered.kept], vectors[filtered.kept]
        more = {"concepts": names, "dropped": filtered.dropped}
    warnings = twin_warnings(vectors, names)
    facts = _as_array(preprocessing=encoder.preprocessing, warnings=warnings, **more)
    return {"concept_text_embedding": vectors, "told": facts}


def concepts(inputs: Inputs, text: Arrays) -> list[str]:
    """Return the names of the concepts that passed the filters, in order."""
    return list(facts_of(text).get("concepts", inputs.concepts))


def _filter_concepts(
    inputs: Inputs, filters: Filters, encoder: Encoder, vectors: np.ndarray, segmented: Segmented
) -> Filtered:
    """Apply the spec's filters: return kept concepts (positions in the corpus) and dropped."""
    names, classes = inputs.concepts, inputs.dataset.classes
    filtered = filter_texts(names, vectors, classes, encoder, inputs.prompts, filters)
    check_left(filtered.kept, filtered.dropped)
    if filters.least_score is None:
        return filtered
    fit = np.array(inputs.dataset.split)[segmented.read] == FIT
    score = _score_concepts(inputs, segmented, vectors[filtered.kept]).score[fit]
    active = filter_inactive([names[i] for i in filtered.kept], score, filters.least_score)
    kept = [filtered.kept[i] for i in active.kept]
    dropped = [*filtered.dropped, *active.dropped]
    check_left(kept, dropped)
    return Filtered(kept, dropped)


def with_head(inputs: Inputs, encoder: Encoder, run: Run) -> RunSettings:
    """Return the settings with the file of a segmentation head; the head is trained first if the
    spec sets it and no file exists.

    The head is a file next to the store, ``<store's stem>.head.safetensors``, reused by other runs.
    """
    settings, folder = inputs.settings, run.results.folder
    if inputs.training is None or folder is None:
        return settings
    store = folder.with_suffix("")
    path = store.with_name(f"{store.stem}.head.safetensors")
    positions = photos_for(inputs.training, inputs.keys, inputs.dataset.split)
    train_head(
        [partial(inputs.dataset.load, i) for i in positions],
        encoder,
        lambda: _vectors(encoder, inputs),
        inputs.training,
        path,
        inputs.head_inputs,
        run.progress,
        run.cancelled,
    )
    return replace(settings, segments=replace(settings.segments, head=str(path)))


def _vectors(encoder: Encoder, inputs: Inputs) -> np.ndarray:
    """Return text embeddings ``(concept, embed)`` of the whole corpus."""
    vectors = embed_concepts(encoder, list(inputs.words.values()), inputs.prompts)
    _check_differ(vectors, "text", inputs)
    return vectors


def scores(inputs: Inputs, segmented: Segmented, text: Arrays) -> Arrays:
    """Return concept scores of the images, from the half-precision embeddings that the store keeps:
    a concept typed later is scored from the same numbers."""
    scored = _score_concepts(inputs, segmented, np.asarray(text["concept_text_embedding"]))
    arrays = {
        "concept_score": scored.score,
        "segment_concept": scored.concept,
        "segment_cosine": scored.cosine,
        "score_centre": scored.scoring.centre,
        "segment_normaliser": scored.scoring.normaliser,
    }
    present = {name: values for name, values in arrays.items() if values is not None}
    return present | {"told": _as_array(scores=scored.scoring.settings)}


def _score_concepts(inputs: Inputs, segmented: Segmented, vectors: np.ndarray) -> Scored:
    counts = np.asarray(segmented.arrays["segments"])
    fit = np.array(inputs.dataset.split)[segmented.read] == FIT
    embedding = segmented.arrays["embedding"]
    _check_differ(embedding, "segment", inputs)
    return score_corpus(
        embedding,
        np.repeat(np.arange(len(counts)), counts),
        vectors,
        images=len(counts),
        scoring=Scoring(**inputs.scores),
        fit=np.repeat(fit, counts),
    )


def _check_differ(vectors: Sliced, of: str, inputs: Inputs) -> None:
    """Raise ``DataError`` if the vectors of all texts, or of all segments, are equal: then no
    concept differs between images. Vectors are read in blocks, mostly only the first."""
    total, first = vectors.shape[0], np.asarray(vectors[:1])
    starts = range(0, total, _AT_A_TIME)
    if total < 2 or not all((vectors[s : s + _AT_A_TIME] == first).all() for s in starts):
        return
    equal = "equal" if first.any() else "zero"
    raise DataError(
        f"The encoder {encoder_name(inputs.encoder)} gives {equal} vectors for all "
        f"{count(total, of)}.",
        "Correct the encoder. See `inficond docs encoders`.",
    )


def projections(
    inputs: Inputs, segmented: Segmented, text: Arrays, tell: Callable[[str], None]
) -> Arrays:
    """Return 2-D coordinates of the concepts and, if the spec sets it, of segments; ``tell`` gets a
    line before each method, since t-SNE and UMAP of many concepts take minutes."""
    settings, vectors = inputs.projections, np.asarray(text["concept_text_embedding"])
    maps = []
    for at, method in enumerate(inputs.methods, 1):
        tell(f"Map {at} of {len(inputs.methods)}: {count(len(vectors), 'concept')} by {method}")
        maps.append(project(vectors, [method], settings.seed))
    points = np.concatenate(maps)
    arrays = {"concept_projection": points}
    if settings.segments:
        tell(f"Placing at most {count(settings.segments, 'segment')} on the maps")
        arrays["segment_projection"] = project_segments(
            segmented.arrays["embedding"],
            vectors,
            points,
            inputs.methods,
            settings.segments,
            settings.seed,
        )
    return arrays


def teacher(inputs: Inputs, run: Run) -> Arrays:
    """Return the teacher's logits of all images (also the oracle's, and features), as arrays."""
    outputs = teacher_logits(inputs.teacher, run)
    others, oracles = list(outputs.logits.other_classes), outputs.oracles
    arrays = {
        "teacher_logit": outputs.logits.own,
        "oracle_logit": oracles.own if oracles else None,
        "teacher_feature": outputs.features,
        "other_logit": outputs.logits.other if others else None,
        "other_oracle_logit": oracles.other if others and oracles else None,
    }
    present = {name: values for name, values in arrays.items() if values is not None}
    facts = _as_array(
        attrs=outputs.attrs, passes=outputs.passes, warnings=list(outputs.warnings), others=others
    )
    return present | {"told": facts}


def stored_result(store: Store, name: str, inputs: Inputs) -> Arrays:
    """Read a stage's result from a store; raise ``StoreError`` if the store is damaged."""
    arrays = {array: getattr(store, array) for array in STAGE_ARRAYS[name] if store.has(array)}
    if name == "teacher":  # a row for each image, also for those that cannot be read
        row = {image: position for position, image in enumerate(inputs.dataset.ids)}
        rows = [row[image] for image in store.images]
        for array, values in arrays.items():
            arrays[array] = np.full((len(row), values.shape[1]), np.nan, np.float32)
            arrays[array][rows] = values
    return arrays | {"told": _as_array(**stage_of(store, name).get("told", {}))}


def facts_of(arrays: Arrays) -> dict[str, Any]:
    """Return the facts that a stage stored beside its arrays (warnings, names); {} if none."""
    return json.loads(str(arrays["told"])) if "told" in arrays else {}


def _as_array(**values: Any) -> np.ndarray:
    return np.array(json.dumps(values))


def filtered_words(spec: Spec, store: Store | None) -> tuple[list[str], list[Dropped], list[str]]:
    """Return the words that ``concepts.filters`` keeps, the dropped words, and the kept words that
    the filter ``least_score`` cannot decide, since the store has no scores of them.

    Words are encoded, photos are not; scores come from ``store``. ``DataError`` without filters.
    """
    section = spec.concepts
    filters = section.filters
    if filters is None or not filters.limits():
        raise DataError(
            f"{spec.path.name} has no concepts.filters.",
            "Add this key, for example concepts.filters: {longest: 30, class_cosine: 0.95, "
            "twin_cosine: 0.95, least_score: 0}.",
        )
    words = read_corpus(Path(section.corpus))
    classes = load_dataset(spec.dataset).classes
    encoder, prompts = load_text_encoder(section.encoder, spec.device), templates(section.prompts)
    text = embed_concepts(encoder, list(words.values()), prompts)
    filtered = filter_texts(list(words), text, classes, encoder, prompts, filters)
    kept = [list(words)[i] for i in filtered.kept]
    if filters.least_score is None:
        return kept, filtered.dropped, []
    columns = {name: c for c, name in enumerate(store.concepts)} if store else {}
    scored = [name for name in kept if name in columns]
    dropped = [*filtered.dropped, *_fallen_before(store, kept, filters.least_score)]
    if store and scored:
        score = store.concept_score[store.rows(FIT)][:, [columns[name] for name in scored]]
        dropped += filter_inactive(scored, score, filters.least_score).dropped
    fell = {name for name, _, _ in dropped}
    left = [name for name in kept if name not in fell]
    return left, dropped, [name for name in left if name not in columns]


def _fallen_before(store: Store | None, names: Sequence[str], least: float) -> list[Dropped]:
    """Return the concepts among ``names`` that an equal ``least_score`` dropped when the store was
    made; the store has no scores of them."""
    made = stage_of(store, "text")
    if made.get("inputs", {}).get("filters", {}).get("least_score") != least:
        return []
    dropped = made.get("told", {}).get("dropped", ())
    fallen = {name: why for name, key, why in dropped if key == "least_score"}
    return [(name, "least_score", fallen[name]) for name in names if name in fallen]
