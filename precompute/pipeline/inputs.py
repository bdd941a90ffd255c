"""Read and check all inputs of a store, and hash them, before anything is computed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.common.numbers import count
from inficond_panel.errors import DataError, StoreError
from inficond_panel.spec import Spec
from inficond_panel.spec.sections.concepts import Filters, Projections
from inficond_panel.spec.sections.encoder import Encoder as EncoderSection
from inficond_panel.store import FORMAT_VERSION, open_store
from inficond_panel.store.checks import one_class_note
from inficond_panel.store.near_images import ALLOWED, check_across, listing_of
from inficond_panel.store.schema import array_hash
from inficond_panel.vocabulary.splits import ERROR, FIT, SPLITS
from inficond_panel.vocabulary.tasks import TASKS
from precompute.batches.results import key_of, photo_keys, plain
from precompute.batches.run import RunSettings
from precompute.concepts.corpus import read_corpus
from precompute.datasets import Dataset, check_encoder, check_files, load_dataset
from precompute.datasets.equal_files import equal_images
from precompute.encoder import encoder_digest, encoder_inputs, encoder_name, templates
from precompute.segments import settings_of, with_masks
from precompute.segments.settings import HeadTraining, training_of
from precompute.teachers.loading import TeacherSource

#: Version of the pipeline's code: increment it when equal inputs give another store than before.
RECIPE = 3

Values = dict[str, Any]


@dataclass(frozen=True)
class Inputs:
    """All inputs of one run. ``digests`` and ``keys`` are one per photo, in the data set's order.
    The ``device`` for networks and the file ``listing`` for copies across splits are not part of
    any hash."""

    dataset: Dataset
    max_bad_share: float
    teacher: TeacherSource
    encoder: EncoderSection
    settings: RunSettings
    projections: Projections
    digests: list[str]
    keys: list[str]
    device: str
    title: str = ""
    corpus: str = ""
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)
    filters: Filters | None = None
    prompts: list[str] = field(default_factory=list)
    training: HeadTraining | None = None
    scores: Values = field(default_factory=dict)
    teacher_inputs: Values = field(default_factory=dict)
    across_splits: str = ERROR
    listing: Path | None = None

    @property
    def concepts(self) -> list[str]:
        """Names of all concepts of the corpus, before filters."""
        return list(self.words)

    @cached_property
    def encoder_inputs(self) -> Values:
        """Settings of the encoder that its embeddings of photos and texts depend on."""
        return {"model": encoder_name(self.encoder), **plain(encoder_inputs(self.encoder))}

    @cached_property
    def encoding(self) -> Values:
        """Settings of the spec that the encoding of a batch depends on, without its photos."""
        if self.dataset.encoded is not None:
            return {"encoder": self.encoder_inputs, "store": self.dataset.encoded.digest}
        segments = self.settings.segments.inputs()
        if self.training:
            segments["head"] = self.head_inputs
        return {
            "encoder": self.encoder_inputs,
            "batch": self.encoder.batch,
            "segments": segments,
            "thumbnails": {
                "size": self.settings.thumbnail_size,
                "quality": self.settings.thumbnail_quality,
            },
            "recipe": RECIPE,
        }

    @cached_property
    def head_inputs(self) -> Values:
        """Inputs of the segmentation head's training; {} if no head is trained."""
        if self.training is None:
            return {}
        rows = photos_for(self.training, self.keys, self.dataset.split)
        return {
            **asdict(self.training),
            "photos": key_of("photos", [self.keys[i] for i in rows]),
            "encoder": self.encoder_inputs,
            "text": key_of("text", self._text()),
        }

    @cached_property
    def encoding_key(self) -> str:
        """Hash of the settings ``encoding``."""
        return key_of("encoding", self.encoding)

    @cached_property
    def stages(self) -> dict[str, Values]:
        """Inputs of each stage by the stage's name, in the order in which stages are computed."""
        photos = key_of("photos", self.keys)
        stages: dict[str, Values] = {"segments": {**self.encoding, "photos": photos}}
        stages["text"] = {**self._text(), **self._filters(stages["segments"])}
        before = {name: key_of(name, inputs) for name, inputs in stages.items()}
        stages["scores"] = {**before, **self.scores}
        if self.scores["method"] == "centred":  # the centre is a mean over segments of fit
            stages["scores"]["fit"] = array_hash(np.array(self.dataset.split) == FIT)
        segments = {"segments": before["segments"], "most": self.projections.segments}
        stages["projections"] = {
            "text": before["text"],
            "methods": self.methods,
            "seed": self.projections.seed,
            **(segments if self.projections.segments else {}),
        }
        stages["teacher"] = self.teacher_inputs
        stages["labels"] = self._labels()
        return stages

    def _text(self) -> Values:
        return {
            "encoder": self.encoder_inputs,
            "concepts": plain([", ".join(texts) for texts in self.words.values()]),
            "prompts": plain(self.prompts),
        }

    def _filters(self, segments: Values) -> Values:
        """Return the inputs of ``concepts.filters``; {} if the spec has no filters."""
        if self.filters is None:
            return {}
        limits = self.filters.limits()
        inputs: Values = {"filters": limits, "classes": plain(list(self.dataset.classes))}
        if "least_score" in limits:
            fit = array_hash(np.array(self.dataset.split) == FIT)
            inputs |= {"segments": key_of("segments", segments), "scores": self.scores, "fit": fit}
        return inputs

    def _labels(self) -> Values:
        dataset, counts = self.dataset, Counter(self.dataset.split)
        inputs: Values = {
            "images": array_hash(np.array(dataset.ids)),
            "classes": list(dataset.classes),
            "label": array_hash(dataset.label),
            "splits": {split: counts[split] for split in SPLITS},
            "split": array_hash(np.array(dataset.split)),
        }
        if dataset.task != TASKS[0]:
            inputs["task"] = dataset.task
        if dataset.function:
            inputs["function"] = list(dataset.function)
        if dataset.group is not None:
            inputs["group"] = array_hash(np.array(dataset.group))
        if self.across_splits != ERROR:
            inputs["across_splits"] = self.across_splits
        if dataset.metadata is not None:
            inputs["metadata"] = [list(dataset.metadata_columns), array_hash(dataset.metadata)]
        return inputs

    @property
    def methods(self) -> list[str]:
        """Names of the projections to the plane, sorted; only the page needs the spec's order."""
        return sorted(self.projections.methods)

    @cached_property
    def stage_keys(self) -> dict[str, str]:
        """Hash of the inputs of each stage, by the stage's name: the key of its result."""
        return {name: key_of(name, inputs) for name, inputs in self.stages.items()}

    @cached_property
    def inputs_hash(self) -> str:
        """Hash of all inputs of the store."""
        return key_of("store", {"format": FORMAT_VERSION, **self.stage_keys})

    def made(self, path: Path) -> bool:
        """Return True if ``path`` is an undamaged store that was made from these inputs."""
        return made_from(path, self.inputs_hash)

    def skipped(self, reason: Sequence[str]) -> list[tuple[str, str]]:
        """Return (id, reason) of each skipped image; other images have the ``reason`` ""."""
        return [(self.dataset.ids[i], str(why)) for i, why in enumerate(reason) if why]

    def are_too_many(self, skipped: int) -> bool:
        """Return True if so many unreadable images stop the run."""
        return skipped > self.max_bad_share * len(self.dataset.ids)

    def check_skipped(self, reason: Sequence[str]) -> None:
        """Raise ``DataError`` if too many images are unreadable (``max_bad_share``), or all."""
        skipped, total = self.skipped(reason), len(self.dataset.ids)
        if self.are_too_many(len(skipped)):
            named = "; ".join(f"{image}: {why}" for image, why in skipped[:5])
            raise DataError(
                f"Images that cannot be read: so far {len(skipped)} of {total}, more than "
                f"dataset.max_bad_share ({self.max_bad_share:g}) allows. {named}",
                "Restore these files, or raise dataset.max_bad_share in the spec.",
            )
        if len(skipped) == total:
            raise DataError("No image can be read.", "Restore the images' files.")


def photos_for(training: HeadTraining, keys: list[str], split: tuple[str, ...]) -> list[int]:
    """Return the positions of the photos of ``fit`` on which the head is trained. They are drawn by
    content, so that the order of the photos has no effect."""
    fit = {key: i for i, key in enumerate(keys) if split[i] == FIT}
    drawn = sorted(fit, key=lambda key: key_of("head", [training.seed, key]))
    return [fit[key] for key in drawn[: training.images]]


def read_inputs(spec: Spec, progress: Callable[[str], None]) -> Inputs:
    """Read and check all files that the spec names; return them as the inputs of a run. Raises
    ``DataError`` if they are unusable."""
    concepts, encoder = spec.concepts, spec.concepts.encoder
    words = read_corpus(Path(concepts.corpus), progress)
    dataset = load_dataset(spec.dataset)
    check_files(dataset, spec.dataset.max_bad_share)
    segments, training = settings_of(concepts.segments), training_of(concepts.segments)
    dataset = with_masks(dataset, segments)
    teacher = TeacherSource.of(spec, dataset.classes, list(words))
    teacher.check(dataset)
    sizes = {"image": dataset.ids, "class": dataset.classes, "concept": words}
    progress(", ".join(count(len(each), noun) for noun, each in sizes.items()))
    for line in dataset.notes:
        progress(line)
    if dataset.task == TASKS[0] and (note := one_class_note(dataset.label, dataset.ids)):
        progress(note)
    listing = listing_of(spec.path)
    check_across(equal_images(dataset).near, spec.dataset.across_splits, ALLOWED, listing)
    digests = [dataset.digest(i) for i in range(len(dataset.ids))]
    if dataset.encoded is not None:
        check_encoder(dataset.encoded, encoder_digest(encoder))
    return Inputs(
        title=spec.title,
        dataset=dataset,
        max_bad_share=spec.dataset.max_bad_share,
        teacher=teacher,
        teacher_inputs=plain(teacher.inputs_on(dataset, digests)),
        words=words,
        corpus=Path(concepts.corpus).stem,
        filters=concepts.filters if concepts.filters and concepts.filters.limits() else None,
        prompts=templates(concepts.prompts),
        encoder=encoder,
        settings=RunSettings(segments, concepts.thumbnails.size, concepts.thumbnails.quality),
        training=training,
        scores={k: v for k, v in concepts.scores.values().items() if v is not None},
        projections=concepts.projections,
        digests=digests,
        keys=photo_keys(dataset.ids, digests),
        device=spec.device,
        across_splits=spec.dataset.across_splits,
        listing=listing,
    )


def made_from(path: Path, inputs_hash: str) -> bool:
    """Return True if ``path`` is an undamaged store that was made from inputs with this hash."""
    try:
        store = open_store(path)
        store.verify()
    except StoreError:
        return False
    return bool(store.attrs["inputs_hash"] == inputs_hash)
