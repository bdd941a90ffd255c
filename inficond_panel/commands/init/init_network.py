"""The teacher's network, opened and tried by ``inficond init`` on labelled photos."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from inficond_panel.commands.shared.output import note
from inficond_panel.errors import DataError
from inficond_panel.spec import Spec
from inficond_panel.spec.sections.teacher import is_file

if TYPE_CHECKING:
    from precompute.datasets import Dataset
    from precompute.detect.writing import SpecDraft
    from precompute.encoder.image import Preprocessing

#: Sides of photos that are tried if a network's file states none and cannot run on the first.
_SIDES = (256, 299, 240, 384, 512, 128, 96, 64, 32)


def try_network(draft: SpecDraft, spec: Spec, dataset: Dataset) -> None:
    """Open the teacher's network, run it on labelled photos as they are usually prepared, and set
    in ``draft`` the preparation that fits, and whether the outputs are probabilities.

    Raises ``DataError`` for a file that cannot be loaded. A network that fails on photos is
    reported in the draft's details."""
    if not is_file(spec.teacher):
        return
    from precompute.detect.costs import teacher_cost
    from precompute.teachers.loading import TeacherSource
    from precompute.teachers.teacher import OutputsError

    source = TeacherSource.of(spec, dataset.classes, [])
    network: Any = source.load()
    try:
        network = _running(network, dataset, stated=source.section.kind != "torchscript")
        path = source.section.path if source.section.kind == "onnx" else None
        draft.teacher_cost = teacher_cost(path, network)
        _choose(draft, source.section, network, dataset)
    except OutputsError as error:
        if not (error.outputs and draft.teacher.nameless):
            raise
        _ask_for_names(draft, error.outputs)
    except DataError as error:
        _add(draft, f"It was not tried on photos. {error.message} {error.remedy}")


def _running(network: Any, dataset: Dataset, stated: bool) -> Any:
    """Return the network with a size of photos on which it runs, the present size if ``stated``."""
    from precompute.teachers.outputs import labelled_rows
    from precompute.teachers.teacher import RunError

    rows = labelled_rows(dataset)[:1]
    steps: Preprocessing = network.preprocessing
    fault: DataError | None = None
    for side in (None, *(() if stated else _SIDES)):
        size = (side, side) if side else steps.size
        sized: Any = replace(network, preprocessing=replace(steps, size=size))
        try:
            for row in rows:
                sized.logits(sized.preprocessing.prepare(dataset.load(int(row)))[None])
        except RunError as error:
            fault = fault or error
            continue
        return sized
    assert fault is not None, "the first size failed"
    raise fault


def _choose(draft: SpecDraft, section: Any, network: Any, dataset: Dataset) -> None:
    from precompute.detect.network_files import steps_in_spec
    from precompute.detect.preparations import OWN, candidates, try_preparations

    own = section.kind not in ("onnx", "torchscript")
    given = getattr(network, "given", None)
    steps = network.preprocessing
    every = candidates(steps, bool(given and given.last), own)
    if given and given.whole:
        every = {"levels from 0 to 255": steps}
    tried = try_preparations(network, dataset, every, note)
    if tried is None:
        _add(draft, "Too few labelled photos to try how photos are prepared: check preprocessing")
        return
    if tried.name != OWN or own:
        draft.teacher.keys["preprocessing"] = steps_in_spec(tried.steps, full=own)
    _add(draft, f"{tried.text[:1].upper()}{tried.text[1:]}.")
    if tried.activation and "outputs" not in draft.teacher_more:
        _add(draft, "Its outputs are probabilities by their values: all lie from 0 to 1.")
        draft.teacher = replace(draft.teacher, probabilities=True, activation=tried.activation)


def _ask_for_names(draft: SpecDraft, outputs: int) -> None:
    """Let a person name the outputs: there are more or fewer than the data set has classes."""
    names = tuple(f"LABEL_{i}" for i in range(outputs))
    draft.teacher, draft.to_fill = replace(draft.teacher, outputs=names), True


def _add(draft: SpecDraft, text: str) -> None:
    draft.teacher = replace(draft.teacher, details=(*draft.teacher.details, text))
