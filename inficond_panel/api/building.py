"""Students of new data in one call: from photos and a teacher, or from data frames of scores."""

from __future__ import annotations

import atexit
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from inficond_panel.api.students import TunableStudents, open_students
from inficond_panel.common.devices import CPU, EXPECTED, FORM
from inficond_panel.common.names import equal_names, name_text, pair_text
from inficond_panel.common.near_words import near
from inficond_panel.common.places import is_remote, place_of
from inficond_panel.errors import DataError, Remedy
from inficond_panel.store.checks import one_class_note
from inficond_panel.tuning.thumbs import names_of
from inficond_panel.vocabulary.splits import SPLITS
from inficond_panel.vocabulary.tasks import ACTIVATIONS, AS_GIVEN, OUTPUTS, TASKS
from inficond_panel.wording.things import errors_with_word

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
    """Build a store from photos: split, segment, encode, run the teacher; return its students.

    - ``images``: files, whose names without suffix are the image ids; or a mapping from id to file.
    - ``teacher``: a function that takes a list of at most 16 RGB images (Pillow), and
      returns logits (photos, classes) as array or tensor, the classes in the order of the columns
      of ``labels``; or a data frame of these logits, indexed by image id.
    - ``concepts``: names of the concepts.
    - ``encoder``: as for ``inficond init --encoder``: a folder, or a model by name.
    - ``labels``: one row per image, one column per class: 1 present, 0 absent, missing: unknown.
      It and the other tables may be of any library, as in ``from_frames``.
    - ``split``: ``fit``, ``tune`` or ``holdout`` by image id; None: a random split of 60, 20 and
      20 %, stratified by class, with a fixed seed.
    - ``task``, ``activation``, ``outputs``, ``order``: as in ``from_frames``.
    - ``device``: where the encoder runs: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    Spec, tables and store are written to the folder ``path``; ``open_students(path/"spec.yaml")``
    and every command open them again. A repeated call runs the teacher again, and reuses all other
    results. Without ``path`` the folder is temporary: it is removed when this process ends, and
    its path is printed to standard error.

    Raises ``DataError`` for frames that do not match, an unreadable photo, a teacher that fails
    or returns another shape, a missing encoder, and a folder that holds another build;
    ``MissingExtraError`` without the extra ``precompute``. The teacher runs before any file is
    written.
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
    words = list(dict.fromkeys(map(name_text, names_of(concepts))))
    settings = {"task": task, "activation": activation, "outputs": outputs, "order": order}
    settings["device"] = device
    if path is not None and is_remote(path):
        raise DataError(
            "build writes photos, spec and store to a folder on disk.",
            Remedy("Name a folder; from_frames and inficond precompute write stores to addresses."),
        )
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
                f"{name} is {word!r}.{near(str(word), words)}", f"Take one of: {', '.join(words)}."
            )


def _files(images: Iterable[str | Path] | Mapping[str, str | Path]) -> dict[str, Path]:
    """Return the photos' absolute paths by image id; ``DataError`` for none, or a repeated id."""
    remedy = "Give files, such as Path('photos').glob('*.jpg')."
    if isinstance(images, str | Path):
        raise DataError(f"images is one path, {str(images)!r}.", remedy)
    if not isinstance(images, Mapping):
        paths = [Path(image) for image in images]
        if twice := equal_names(path.stem for path in paths):
            raise DataError(
                f"Several photos have the id {pair_text(*twice[0])}.",
                "Give images as a mapping: {id: file, ...}.",
            )
        images = {path.stem: path for path in paths}
    if twice := equal_names([*images]):
        raise DataError(
            f"Several photos have the id {pair_text(*twice[0])}.", "Give each photo one id."
        )
    if not images:
        raise DataError("There is no photo.", remedy)
    return {name_text(name): Path(file).absolute() for name, file in images.items()}


def _temporary() -> Path:
    """Create a folder that is removed when this process ends; return its path."""
    folder = tempfile.mkdtemp(prefix="inficond-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


_DIVIDE = (
    "To divide a pandas table by chance: "
    "split = pandas.Series(numpy.random.default_rng(0).choice(['fit', 'tune', 'holdout'], "
    "len(scores), p=[0.6, 0.2, 0.2]), scores.index). Rows that belong together, such as those of "
    "one patient, go into one split: sklearn.model_selection.GroupShuffleSplit."
)


def from_frames(
    scores: pd.DataFrame,
    logits: pd.DataFrame,
    labels: pd.DataFrame,
    *,
    split: pd.Series | None = None,
    images: Mapping[str, str | Path] | pd.Series | None = None,
    metadata: pd.DataFrame | None = None,
    captions: Mapping[str, str] | pd.Series | None = None,
    path: str | Path | None = None,
    task: str = "multi_label",
    activation: str = "sigmoid",
    outputs: str | None = None,
    order: str | None = None,
    near_duplicates: str | Literal[False] | None = None,
    across_splits: str = "error",
) -> TunableStudents:
    """Return students of supplied concept scores, without photos or an encoder.

    Tables are of pandas, polars, pyarrow, dask or xarray. All are indexed by image id (a table
    without an index has a column ``image_id``); their rows may be in any order. Names of images,
    classes and concepts are compared as text (``common.names``), and stored as they came.

    - ``scores``: one column per concept, any finite numbers, also below 0.
    - ``logits``: one column per class, the teacher's logits; or with ``outputs="probabilities"``
      its probabilities. Logits that look like probabilities or labels are an error unless
      ``outputs`` is set.
    - ``labels``: columns named as in ``logits``; 1 present, 0 absent, missing: unknown. Training
      images (``fit``) may have no row, since the students learn from the teacher.
    - ``split``: by image id ``fit`` (training), ``tune`` (tuning, shown on the page) or
      ``holdout``. It has to be given; the error without it divides a table by chance in one line.
    - ``images``: paths of the photos; the store keeps thumbnails. Without photos the page shows
      image ids.
    - ``metadata``: columns with further facts per image, such as its camera; missing: unknown.
      Used for metrics by slice and searches for images.
    - ``captions``: a text per image, "" or missing for none. Without photos the page shows them in
      their place, and ``ask`` has them beside its questions. Scores do not come from them.
    - ``task``: ``"single_label"`` if each image has exactly one of the classes. If nearly all
      images do under ``"multi_label"``, standard error has a note.
    - ``activation``: ``"softmax"`` if one softmax over all columns of ``logits`` gives the
      teacher's probabilities. ``logits`` may then have more columns than ``labels``.
    - ``order``: ``"as_given"`` keeps the column names of ``logits`` although the labels of fit and
      tune match another order of the columns; without it such an order is an error.
    - ``near_duplicates``: column of ``metadata`` with groups of images that are no independent
      evidence, such as a film or a patient. Folds and bootstrap draws take a group whole. None:
      images with nearly equal scores are a group, unless the scores take few values, such as 0 and
      1. False: each image is independent of all others.
    - ``across_splits``: ``"allow"`` keeps near-equal images in different splits; without it they
      are an error.

    The store is written to ``path``, complete or not at all, and its history to a file next to it;
    ``open_students(path)`` and every command open the store again. If ``path`` holds a store of
    the same content, that store is opened. Without ``path`` the store is temporary: it is removed
    when this process ends, and its path is printed. The store has no segments, masks or maps.

    Raises ``DataError``, which names all faults at once, for invalid frames, unreadable photos,
    and another store at ``path``; ``OrderError``, a ``DataError``, for logits that match the
    labels better under other column names. After an error no store is left.

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

    if split is None or (isinstance(split, Mapping) and {*split} <= {*SPLITS}):
        raise DataError("from_frames needs the split of each image.", _DIVIDE)
    target = _temporary() / "own-scores.zarr" if path is None else place_of(path)
    settings: dict[str, Any] = {"split": split, "images": images, "metadata": metadata}
    settings["captions"] = captions
    settings |= {"task": task, "activation": activation, "outputs": outputs, "order": order}
    settings |= {"near_duplicates": near_duplicates, "across_splits": across_splits}
    with errors_with_word("row" if images is None else "image"):
        store = store_frames(
            target, scores, logits, labels, **settings, made_by="inficond_panel.from_frames"
        )
    if task == "multi_label" and (note := one_class_note(store.label, store.images)):
        sys.stderr.write(f"{note.python}\n")
    for warning in store.attrs.get("warnings", []):
        sys.stderr.write(f"Warning: {warning}.\n")
    if path is None:
        sys.stderr.write(f"Temporary store: {target}; give path=... to keep it.\n")
    return open_students(target, store=target)
