"""Students of one's own data in one call: of photos and a teacher, or of frames of scores."""

from __future__ import annotations

import atexit
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inficond_panel.api.students import TunableStudents, open_students
from inficond_panel.common.devices import CPU, EXPECTED, FORM
from inficond_panel.common.near_words import near
from inficond_panel.errors import DataError
from inficond_panel.store.checks import one_class_note
from inficond_panel.vocabulary.tasks import ACTIVATIONS, AS_GIVEN, OUTPUTS, TASKS

if TYPE_CHECKING:
    import pandas as pd

    from inficond_panel.api.built_store import RunTeacher


def build(
    images: Iterable[str | Path] | Mapping[str, str | Path],
    *,
    teacher: RunTeacher | pd.DataFrame,
    concepts: Iterable[str],
    encoder: str | Path,
    labels: pd.DataFrame,
    split: pd.Series | None = None,
    path: str | Path | None = None,
    title: str = "",
    task: str = "multi_label",
    activation: str = "sigmoid",
    outputs: str | None = None,
    order: str | None = None,
    device: str = CPU,
) -> TunableStudents:
    """Students of photos: they are encoded, divided and scored, and the teacher is run on them.

    - ``images``: files, whose names without suffix are the image ids; or files by image id.
    - ``teacher``: a function that gets a list of RGB images of Pillow, at most 16 at a time, and
      returns logits (photos, classes) as array or tensor, the classes in the order of the columns
      of ``labels``; or such logits as a frame by image id.
    - ``concepts``: words.
    - ``encoder``: as for ``inficond init --encoder``: a folder, or a model by name.
    - ``labels``: a row an image, a column a class: 1 present, 0 absent, missing: not known.
    - ``split``: ``fit``, ``tune`` or ``holdout`` by image id; without it 60, 20 and 20 %, with
      each class in each, drawn by a seed.
    - ``task``, ``activation``, ``outputs``, ``order``: as in ``from_frames``.
    - ``device``: where the encoder runs: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    Spec, tables and store are written to the folder ``path``; ``open_students(path/"spec.yaml")``
    and every command open them again. The same call again runs the teacher, and computes nothing
    else. Without ``path`` the folder is temporary: it is removed when this process ends, and a
    line on standard error says so.

    Raises ``DataError`` for frames that do not fit, a photo that cannot be read, a teacher that
    fails or returns another shape, an encoder that is not there, and a folder that holds another
    build; ``MissingExtraError`` without the extra ``precompute``. Nothing of the spec is written
    before the teacher has run.
    """
    from inficond_panel.api.built_store import write_built  # noqa: PLC0415 - reads pandas

    _check_words(task=(task, TASKS), activation=(activation, ACTIVATIONS))
    if outputs is not None:
        _check_words(outputs=(outputs, OUTPUTS))
    if order is not None:
        _check_words(order=(order, (AS_GIVEN,)))
    if not FORM.fullmatch(device):
        raise DataError(f"device is {device!r}.", f"Take {EXPECTED}.")
    files = _files(images)
    words = list(dict.fromkeys([concepts] if isinstance(concepts, str) else concepts))
    settings = {"task": task, "activation": activation, "outputs": outputs, "order": order}
    settings["device"] = device
    folder = _temporary() if path is None else Path(path)
    settings["title"] = title or folder.absolute().name
    spec = write_built(folder, files, labels, split, words, str(encoder), teacher, settings)
    if path is None:
        sys.stderr.write(f"Temporary folder: {folder}; give path=... to keep it.\n")
    return open_students(spec.path)


def _check_words(**given: tuple[str, tuple[str, ...]]) -> None:
    for name, (word, words) in given.items():
        if word not in words:
            raise DataError(
                f"{name} is {word!r}.{near(str(word), words)}", f"There are: {', '.join(words)}."
            )


def _files(images: Iterable[str | Path] | Mapping[str, str | Path]) -> dict[str, Path]:
    """Absolute files by image id; ``DataError`` for none, and for an id that several have."""
    if not isinstance(images, Mapping):
        paths = [Path(image) for image in images]
        twice = [name for name, count in Counter(p.stem for p in paths).items() if count > 1]
        if twice:
            raise DataError(
                f"Several photos are called {twice[0]!r}.", "Give files by id: {id: file, ...}."
            )
        images = {path.stem: path for path in paths}
    if not images:
        raise DataError("There is no photo.", "Give files, such as Path('photos').glob('*.jpg').")
    return {str(name): Path(file).absolute() for name, file in images.items()}


def _temporary() -> Path:
    """A new folder that is removed when this process ends."""
    folder = tempfile.mkdtemp(prefix="inficond-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def from_frames(
    scores: pd.DataFrame,
    logits: pd.DataFrame,
    labels: pd.DataFrame,
    *,
    split: pd.Series,
    images: Mapping[str, str | Path] | pd.Series | None = None,
    metadata: pd.DataFrame | None = None,
    path: str | Path | None = None,
    task: str = "multi_label",
    activation: str = "sigmoid",
    outputs: str | None = None,
    order: str | None = None,
) -> TunableStudents:
    """Students over concept scores from anywhere: no photo and no encoder is needed.

    All arguments are indexed by image id; rows are matched by it, whatever their order.

    - ``scores``: one column per concept, any finite numbers, also below 0.
    - ``logits``: one column per class, the teacher's logits; or with ``outputs="probabilities"``
      its probabilities. What looks like probabilities or labels is an error unless ``outputs``
      is given.
    - ``labels``: the same columns, 1 present, 0 absent, missing: not known. Images of ``fit`` may
      lack, since the students learn from the teacher.
    - ``split``: ``fit`` (learned from), ``tune`` (on screen) or ``holdout``.
    - ``images``: paths of the photos, of which small pictures are kept. Without them the page shows
      image ids.
    - ``metadata``: columns of what else is known of each image, such as its camera; missing: not
      known. Metrics by slice and searches for images take them.
    - ``task``: ``"single_label"`` where each image has exactly one of the classes. Where nearly all
      have and it does not say so, a line on standard error tells.
    - ``activation``: ``"softmax"`` where the teacher's logits become probabilities by one softmax
      over all columns of ``logits``. These may then be more than those of ``labels``.
    - ``order``: ``"as_given"`` where the names of the columns of ``logits`` are right, although the
      labels of fit and tune speak for another order of them, which is an error otherwise.

    The store is written to ``path``, whole or not at all, and its history will lie beside it;
    ``open_students(path)`` and every command open it again. A store of the same content that is
    there is opened as it is. Without ``path`` the store is temporary: it is removed when this
    process ends, and a line on standard error says so. Segments, masks and maps are not known.

    Raises ``DataError``, which names all faults at once, for frames that make no store, photos that
    cannot be read, and another store at ``path``; ``OrderError``, a ``DataError``, for logits that
    fit the labels under other names; nothing is left half made.

    >>> images = [f"{i:03d}" for i in range(60)]
    >>> wheel = np.linspace(0, 1, 60)
    >>> scores = pd.DataFrame({"wheel": wheel, "sky": 0.5 - wheel**2}, images)
    >>> logits = pd.DataFrame({"car": 8 * wheel - 4}, images)
    >>> split = pd.Series(["fit", "tune", "holdout"] * 20, images)
    >>> own = from_frames(scores, logits, (logits > 0).astype(int), split=split).fit()
    >>> print(own.metrics("tune").loc["car", "fidelity"])
    1.0
    """
    from inficond_panel.store.frames import store_frames  # noqa: PLC0415 - reads pandas

    target = _temporary() / "own-scores.zarr" if path is None else Path(path)
    settings: dict[str, Any] = {"split": split, "images": images, "metadata": metadata}
    settings |= {"task": task, "activation": activation, "outputs": outputs, "order": order}
    store = store_frames(
        target, scores, logits, labels, **settings, made_by="inficond_panel.from_frames"
    )
    if task == "multi_label" and (note := one_class_note(store.label, store.images)):
        sys.stderr.write(f"{note}\n")
    if path is None:
        sys.stderr.write(f"Temporary store: {target}; give path=... to keep it.\n")
    return open_students(target, store=target)
