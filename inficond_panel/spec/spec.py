"""Find, read and check a spec, the YAML file of a run; change its students."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import ValidationError

from inficond_panel.common.installation import shipped_folder
from inficond_panel.common.names import equal_names, find_name, name_text, pair_text
from inficond_panel.common.near_words import listed, missing
from inficond_panel.common.places import is_remote, place_of, reaching
from inficond_panel.errors import DataError, FileProblem, Remedy, SpecError, StoreError, TuningError
from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.framework.section_file import SpecFile, load_file
from inficond_panel.spec.framework.types import (
    Device,
    FilePath,
    FolderOrAddress,
    PathOrAddress,
    Text,
    option,
)
from inficond_panel.spec.framework.yaml_source import hint, short
from inficond_panel.spec.sections.concepts import Concepts
from inficond_panel.spec.sections.dataset import Dataset, PythonDataset, ScenesDataset, StoreDataset
from inficond_panel.spec.sections.encoder import PluginEncoder, PythonEncoder
from inficond_panel.spec.sections.page import Layout, Views
from inficond_panel.spec.sections.students import (
    NO_THRESHOLD,
    ExactStudents,
    Labels,
    Students,
    Tuning,
)
from inficond_panel.spec.sections.teacher import (
    HeadTeacher,
    LogitsTeacher,
    OpenClipTeacher,
    PythonTeacher,
    Teacher,
)
from inficond_panel.vocabulary.aims import WORST_GROUP
from inficond_panel.vocabulary.intents import ALL, TARGET
from inficond_panel.vocabulary.tasks import SINGLE_LABEL, SOFTMAX

_MAKING = ("dataset", "concepts", "teacher")  # sections that a store is made from
_OF_STORE = (
    "For a store made from photos, name the spec that it was made from. Scores that were given as "
    "tables have neither photos nor encoder, so these cannot work: "
    + Remedy(
        "precompute, extend, concept add, pocket, repair-network, quantify",
        "extend, add_concept, pocket, repair_network",
    )
    + "."
)
_OF_PHOTOS = ("segments", "thumbnails", "encoder.image_size", "encoder.attention")


class Spec(SpecFile):
    """Spec of a run: data, concepts, teacher, students and page, from one YAML file.

    For a store that already exists the title and the store are enough; then ``dataset``,
    ``concepts`` and ``teacher`` are None.
    """

    spared: ClassVar[dict[str, tuple[str, ...]]] = {"store": _MAKING}

    title: Text = option(doc="Name shown on the page.")
    store: FolderOrAddress = option(
        None,
        doc="The store; if left out, next to the spec, with the spec's name. For an existing "
        "store, dataset, concepts and teacher may be left out together.",
    )
    history: PathOrAddress = option(
        None,
        doc="The iterations, in an SQLite file (if left out, next to the store, with its name), or "
        "in a PostgreSQL database for several servers, whose address has no password; :memory: "
        "keeps nothing.",
    )
    dataset: Dataset = option(None, doc="Images, labels and splits.")
    concepts: Concepts = option(None, doc="Words, encoder and segments.")
    teacher: Teacher = option(None, doc="The model that the students learn from.")
    device: Device = option(
        "cpu",
        doc="Device for networks: encoder, teacher with its heads, and solver: paper; with CUDA "
        "also for matrix products of the exact solver. auto: a GPU if there is one. Results of "
        "other devices than the CPU differ in the last digits.",
    )
    students: Students = option(default_factory=ExactStudents, doc="The distillation.")
    tuning: Tuning = option(default_factory=Tuning, doc="Thumbs and refits.")
    views: Views = option(default_factory=Views, doc="Settings of the views.")
    layout: Layout = option(default_factory=Layout, doc="Look of the page.")
    study: FilePath | None = option(
        None, doc="Study on this store, for inficond study; see `inficond docs study`."
    )

    def model_post_init(self, context: object) -> None:
        """Set the paths of store and history if the keys are omitted."""
        super().model_post_init(context)
        self.store = self.store or self.path.with_suffix(".zarr")
        self.history = self.history or self.default_history()

    @property
    def of_store(self) -> bool:
        """True if the spec names an existing store, without the sections to make a store."""
        return self.dataset is None

    @property
    def projections(self) -> list[str]:
        """Names of the projections, the default first; [] for the spec of an existing store."""
        return [] if self.concepts is None else list(self.concepts.projections.methods)

    @property
    def order(self) -> str | None:
        """Value of ``teacher.order``; None for a store without a spec."""
        return self.teacher.order if self.teacher else None

    def check_making(self) -> None:
        """Raise ``SpecError`` if the spec lacks the sections that a store is made from, or
        ``DataError`` if a store was opened without a spec."""
        if self.of_store and self.path == self.store:
            raise DataError(f"{self.path.name} is opened without a spec.", _OF_STORE)
        if self.of_store:
            message = f"{', '.join(sorted(_MAKING))} are missing: the spec names only a store"
            raise SpecError([FileProblem(self.path, 1, 1, message)], _OF_STORE)

    def check_photos(self) -> None:
        """Raise the errors of ``check_making``, or an error if the data set's scenes cannot be
        drawn; photos are not looked for."""
        self.check_making()
        if isinstance(self.dataset, ScenesDataset):
            self.dataset.check_recipe()

    def allow_python(self) -> None:
        """Allow the Python functions of the spec's data set, encoder and teacher to run."""
        sections: list[Section | None] = [self.dataset, self.teacher]
        sections += [getattr(part, "encoder", None) for part in (self.concepts, self.teacher)]
        for section in sections:
            if isinstance(section, PythonDataset | PythonEncoder | PythonTeacher):
                section.allowed = True

    def default_history(self) -> Path:
        """Return the default path of the history: next to the store, with the store's name; for a
        store at an address next to the spec, or in the current folder without a spec."""
        name = f"{self.store.name.removesuffix('.zarr')}.history.sqlite"
        beside = self.path if is_remote(self.store) else self.store
        return Path.cwd() / name if is_remote(beside) else beside.with_name(name)

    def history_of(self, name: str | Path) -> Path | str:
        """Return the path or address of the history: ``INFICOND_HISTORY``, else the spec's. If
        ``name`` is the name of a packaged spec, its path is in the current folder."""
        if place := os.environ.get("INFICOND_HISTORY"):
            return place
        if isinstance(self.history, str) or is_remote(name) or Path(name).exists():
            return self.history
        return Path.cwd() / self.history.name

    @property
    def refit(self) -> str:
        """What a thumb does, ``target`` or ``all``: by ``tuning.refit``, else by the solver."""
        return self.tuning.refit or (ALL if self.students.solver == "paper" else TARGET)

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for keys that contradict keys of other sections."""
        yield from self._solver_faults(given)
        lacks_oracle = self.teacher and getattr(self.teacher, "oracle", None) is None
        if self.students.targets == "oracle" and lacks_oracle:
            yield "students.targets", "oracle needs oracle logits; set teacher.oracle"
        if isinstance(self.dataset, StoreDataset):
            for key in _OF_PHOTOS:
                if f"concepts.{key}" in given:
                    yield f"concepts.{key}", "is not used with dataset.kind: store; leave it out"
            if self.teacher and not isinstance(self.teacher, LogitsTeacher):
                yield "teacher", "needs photos, which a store does not have; write kind: logits"
        if self.dataset and self.teacher:
            yield from self._task_faults(given)
        if self.dataset and self.concepts:
            yield from self._caption_faults()
            yield from self._encoder_faults()

    def _solver_faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        paper = self.students.solver == "paper"
        if "tuning.epochs" in given and not paper:
            yield "tuning.epochs", "is not used with solver: exact; it belongs to solver: paper"
        if self.tuning.refit == TARGET and paper:
            yield "tuning.refit", "cannot be target with solver: paper, whose thumbs are bounds"
        if self.tuning.aim == WORST_GROUP and self.tuning.groups is None:
            yield "tuning.aim", "worst-group needs tuning.groups: what divides the images"

    def _encoder_faults(self) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for a teacher that needs an encoder's network, where the encoder is
        a Python function."""
        encoder = getattr(self.teacher, "encoder", None) or self.concepts.encoder
        if not isinstance(encoder, PythonEncoder | PluginEncoder):
            return
        if isinstance(self.teacher, OpenClipTeacher):
            yield (
                "teacher.kind",
                f"open_clip needs a network, and the encoder is of kind {encoder.kind}; set "
                "teacher.encoder, or write head",
            )
        if isinstance(self.teacher, HeadTeacher) and self.teacher.oracle:
            yield (
                "teacher.oracle",
                f"needs a network, and the encoder is of kind {encoder.kind}; leave it out",
            )

    def _caption_faults(self) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for words of captions without captions, for data without photos
        and another method, and for a teacher that needs photos or an encoder."""
        captions = getattr(self.dataset, "captions", None)
        if not self.concepts.of_words:
            if captions and self.dataset.kind == "columns" and not self.dataset.path:
                yield (
                    "dataset.captions",
                    "without photos (path) needs concepts.scores: {method: words}",
                )
            return
        if not captions:
            yield (
                "concepts.scores",
                "words needs captions; set dataset.captions, the column of a table",
            )
        heads = isinstance(self.teacher, HeadTeacher)
        if heads and self.teacher.encoder:
            yield "teacher.encoder", "is not used with scores: {method: words}; leave it out"
        if heads and self.teacher.oracle:
            yield "teacher.oracle", "needs photos; leave it out with scores: {method: words}"
        if self.teacher and not isinstance(self.teacher, LogitsTeacher | HeadTeacher):
            yield (
                "teacher.kind",
                "with scores: {method: words} write logits, a table of outputs, or head, a "
                "regression on the words of the captions",
            )

    @property
    def teacher_title(self) -> str:
        """Name of the teacher to show; heads may be on the words of the captions."""
        if self.concepts.of_words and isinstance(self.teacher, HeadTeacher):
            return "head on the words of the captions"
        return str(self.teacher.title)

    def _task_faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for thresholds, a link or an activation that contradict the task."""
        single = self.dataset.task == SINGLE_LABEL
        if single and "students.threshold" in given:
            yield "students.threshold", NO_THRESHOLD
        needed = "softmax needs one class per image; set dataset.task: single_label or use sigmoid"
        if self.students.link == SOFTMAX and not single:
            yield "students.link", needed
        if self.teacher.softmax and not single:
            yield "teacher.activation", needed
        if single and self.teacher.activation is None:
            yield (
                "teacher.activation",
                "is needed with task: single_label; write softmax if the teacher was trained to "
                "choose one class, or sigmoid if it was trained to detect each class",
            )

    def plain(self) -> dict[str, Any]:
        """Return nested dicts and lists like ``SpecFile.plain``, without default paths."""
        plain = super().plain()
        if self.store == self.path.with_suffix(".zarr") and not self.of_store:
            plain.pop("store")
        if self.history == self.default_history():
            plain.pop("history")
        return plain


def load_spec(path: str | Path, check_files: bool = True) -> Spec:
    """Read and check the spec at ``path``; for a store's folder, or its address, make a spec of
    this store.

    Raises ``SpecError`` with all problems of the file. If ``check_files`` is False, files and
    variables that only precompute needs may be missing.
    """
    if is_remote(path):
        store = place_of(path)
        return Spec(path=store, title=_store_title(store), store=store)
    if os.path.isfile(os.path.join(path, "zarr.json")):  # noqa: PTH113, PTH118 - never raises
        folder = Path(os.path.abspath(path))  # noqa: PTH100 - links stay as written
        return Spec(path=folder, title=_store_title(folder), store=folder)
    return load_file(Spec, path, check_files)


def _store_title(folder: Path) -> str:
    """Return the title of a store; the folder's name if there is no readable title."""
    try:
        with reaching(folder):
            group = json.loads((folder / "zarr.json").read_text(encoding="utf-8"))
        return str(group["attributes"]["title"])
    except (OSError, StoreError, ValueError, LookupError, TypeError):
        return folder.name.removesuffix(".zarr")


def find_spec(name: str | Path, kind: str = "spec") -> Path:
    """Return the path of a spec by path, or by the name of a packaged spec, such as ``demo``.

    The folder of a store, or its address, counts as a spec. A packaged spec comes before a folder
    of its name. Packaged specs are in ``specs`` and ``public``; for ``kind`` "study" they are in
    ``studies``. Raises ``SpecError`` if there is no such file and no such name.
    """
    if is_remote(name):
        return place_of(name)
    file = Path(name)
    exists = os.path.exists(file)  # noqa: PTH110 - never raises, not even for a name too long
    if exists and not file.is_dir():
        return file
    specs = _come_along(kind)
    if str(name) in specs:
        return specs[str(name)]
    if exists:
        return file
    raise no_such_spec(name, kind)


def find_edits(name: str | Path) -> Path:
    """Return the path of an edits file by path, or by packaged name: ``demo/edits.yaml``."""
    along = shipped_folder("specs") / name
    return along if along.is_file() and not Path(name).is_file() else Path(name)


def no_such_spec(name: str | Path, *kinds: str) -> SpecError:
    """Return the error that ``name`` is neither a file nor a packaged spec of these ``kinds``."""
    packaged = {kind: sorted(_come_along(kind)) for kind in kinds}
    lists = (f"packaged {_PLURAL[kind]}: {', '.join(names)}" for kind, names in packaged.items())
    known = [each for names in packaged.values() for each in names]
    near = hint(str(name), known) or f"; {'; '.join(lists)}"
    return SpecError([FileProblem(Path(name), 1, 1, f"no such file{near}")], _NAME)


def _come_along(kind: str) -> dict[str, Path]:
    folders = (shipped_folder("specs") / folder for folder in _PLACES[kind])
    return {path.stem: path for folder in folders for path in folder.glob("*.yaml")}


#: Folders of the packaged specs, below ``specs``.
_PLACES = {"spec": ("", "public"), "study": ("studies",)}
_PLURAL = {"spec": "specs", "study": "studies"}
_NAME = "Name an existing file, the folder of a store, or a packaged spec."


S = TypeVar("S", bound=Section)
REMEDY = "See the classes of the store: " + Remedy("inficond info SPEC", "students.classes")


def check_against(spec: Spec, classes: Sequence[str], task: str) -> None:
    """Raise ``SpecError`` if the section ``students`` does not fit a store.

    Faults are names that are not in the store's ``classes``, a softmax for a multi-label ``task``,
    and thresholds for a single-label ``task``.
    """
    problems = [
        FileProblem(
            spec.path,
            *spec.place(where, name),
            f"{where}: there is no class {short(name)} in the store{hint(name, classes)}",
        )
        for where, name in _named(spec)
        if find_name(name, classes) is None
    ]
    problems += [
        FileProblem(
            spec.path,
            *spec.place(where, other),
            f"{where}: a class is named twice: {pair_text(one, other)}",
        )
        for where in sorted({where for where, _ in _named(spec)})
        for one, other in equal_names(name for place, name in _named(spec) if place == where)
    ]
    if spec.students.link == SOFTMAX and task != SINGLE_LABEL:
        at = spec.place("students", "link")
        fault = f"students.link: softmax needs one class per image, the store's task is {task}"
        problems.append(FileProblem(spec.path, *at, f"{fault}; write sigmoid"))
    if spec.students.threshold and task == SINGLE_LABEL:
        at = spec.place("students", "threshold")
        problems.append(FileProblem(spec.path, *at, f"students.threshold: {NO_THRESHOLD}"))
    if problems:
        raise SpecError(sorted(problems, key=lambda p: (p.line, p.column)), REMEDY)


def _named(spec: Spec) -> Iterator[tuple[str, str]]:
    """Yield (key, class name) for each class that ``students`` names."""
    for key, value in spec.students.values().items():
        if isinstance(value, dict):
            others = set() if key == "threshold" else {"default"}
            where = f"students.{key.rstrip('_')}"
            yield from ((where, name) for name in value if name not in others)


def with_students(spec: Spec, **values: Any) -> Spec:
    """Return a copy of ``spec`` with other values of ``students``, such as ``lambda_=0.001``.

    ``alpha``, the teacher's weight (labels have 1), sets ``students.labels``; None: no labels.
    Raises ``TuningError`` for values out of bounds, and for settings that the solver lacks.
    """
    old = spec.students
    for key, value in values.items():
        if isinstance(value, Mapping):
            values[key] = {name_text(name): item for name, item in value.items()}
    if "alpha" in values:
        alpha = values.pop("alpha")
        if alpha is not None:
            values["labels"] = _made(Labels, alpha=alpha)
        elif "labels" in old.fields():
            values["labels"] = None
    unused = [name for name in values if name not in old.values()]
    if unused:
        known = [*old.values(), "alpha"]
        raise TuningError(
            missing("setting", unused[0], known, f"of students with solver: {old.solver}"),
            f"There are: {listed(known, len(known))}.",
        )
    students = _made(type(old), **{**old.values(), **values})
    return spec.model_copy(update={"students": students})


def _made(kind: type[S], **values: Any) -> S:
    try:
        return kind(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).rstrip("_")
        must = f" must be {kind.fields()[name].expected}, got {first['input']!r}"
        fault = f": {first['msg']}" if first["type"] == "fault" else must
        raise TuningError(
            f"students.{name}{fault}.", "`inficond docs spec` has the keys of students."
        ) from None
