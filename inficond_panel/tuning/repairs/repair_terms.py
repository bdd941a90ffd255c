"""Terms of classes with repairs, resolved by labels of ``tune`` and cached by parent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from inficond_panel.common.cache import Latest
from inficond_panel.common.threads import one_thread
from inficond_panel.distill.sources import Array
from inficond_panel.errors import Remedy, TuningError
from inficond_panel.spec import Spec
from inficond_panel.store import Store
from inficond_panel.store.more_photos import part_hashes
from inficond_panel.tuning.edits import check_repairs
from inficond_panel.tuning.fitting.adjustments import Adjustment
from inficond_panel.tuning.fitting.class_fit import ClassFit, JointClassFit
from inficond_panel.tuning.fitting.fit_data import FitData
from inficond_panel.tuning.fitting.recipe import start_from
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.repairs.evidence import LEAST_TUNE, Evidence
from inficond_panel.tuning.repairs.repair import Repair
from inficond_panel.tuning.repairs.resolution import resolve_repairs
from inficond_panel.tuning.thumbs import Bounds, box
from inficond_panel.vocabulary.splits import HOLDOUT, TUNE
from inficond_panel.vocabulary.tasks import SOFTMAX

#: Size of the caches, shared by all sessions of a tuner.
_KEPT = 64


class RepairTerms:
    """Resolver of repairs to terms (their effect on a fit), for the students of one store.

    ``terms`` returns the active terms at a node, by class; ``fit_data`` is called at first use.
    """

    def __init__(
        self,
        store: Store,
        spec: Spec,
        fit_data: Callable[[], FitData],
        terms: Callable[[Node], Mapping[str, Terms]],
    ) -> None:
        self._store, self._spec, self._fit_data, self._terms = store, spec, fit_data, terms
        self._resolved: Latest[str, dict[str, Any]] = Latest(_KEPT)
        self.cross_fitted: Latest[str, Array] = Latest(4 * _KEPT)  # logits
        self.fold_terms: Latest[str, Terms] = Latest(4 * _KEPT)  # resolved without a fold

    def class_fit(
        self, node: Node, class_name: str, terms: Terms | None = None, bounds: Bounds | None = None
    ) -> ClassFit:
        """Return the student of one class at ``node``, ready for refits.

        ``terms`` and ``bounds`` are by default the node's. A student of the paper's recipe is
        solved exactly.
        """
        store, others = self._store, dict(self._terms(node))
        now = others.pop(class_name, Terms())
        given = now if terms is None else terms
        held = node.bounds if bounds is None else bounds
        ready = given == now and bounds is None and self._spec.students.solver == "exact"
        joint = self._spec.students.link == SOFTMAX
        names = store.classes if joint else [class_name]
        within = box(held, names, store.concepts)
        start = start_from(node, [store.classes.index(name) for name in names])
        data = self._fit_data().under(others) if joint else self._fit_data()
        kind, k = JointClassFit if joint else ClassFit, store.classes.index(class_name)
        return kind(store, data, k, within, start, given, ready=ready)

    def evidence(
        self,
        student: ClassFit,
        rows: np.ndarray | None = None,
        seed: int = 0,
        parts: Sequence[str] | None = None,
        *,
        decided: bool = False,
    ) -> Evidence:
        """Return the photos of fit and tune on which a student is compared.

        ``rows`` limits the photos of ``tune``, ``parts`` (content hashes) the added photos; None:
        all. With ``decided`` the teacher's decisions replace the labels.
        """
        seen = self._store.rows(TUNE) if rows is None else rows
        thresholds = self._spec.students.threshold
        return Evidence(student, seen, thresholds, seed, parts, decided=decided)

    def resolved(
        self,
        parent: Node,
        repairs: Sequence[Repair],
        bounds: Bounds,
        adjusted: Mapping[str, tuple[Adjustment, ...]],
    ) -> dict[str, Any]:
        """Return the terms of each class with repairs, as plain data.

        ``bounds`` are the active bounds after the iteration, ``adjusted`` the adjustments of the
        targets of classes with a thumb in it. Cached by these and by added photos. Errors as in
        ``resolve_repairs``.
        """
        of_added = any(each.uses_added(self._store) for each in repairs)
        parts = part_hashes(self._store) if of_added else ()
        key = repr((parent.id, repairs, sorted(bounds.items()), parts, adjusted))

        def resolve() -> dict[str, dict[str, Any]]:
            terms = {}
            with one_thread():
                for name in sorted({repair.class_name for repair in repairs}):
                    now = self._terms(parent).get(name, Terms())
                    then = replace(now, adjusted=adjusted.get(name, now.adjusted))
                    evidence = self.evidence(self.class_fit(parent, name, then))
                    terms[name] = self.of_class(evidence, repairs, bounds).to_json()
            return terms

        return self._resolved.made(key, resolve)

    def of_class(
        self, evidence: Evidence, repairs: Sequence[Repair], bounds: Bounds, least: int = LEAST_TUNE
    ) -> Terms:
        """Return the terms of the class after ``repairs``; ``least`` photos of each label of tune
        are needed."""
        name = evidence.class_name
        of_name = [repair for repair in repairs if repair.class_name == name]
        return resolve_repairs(evidence, of_name, box(bounds, [name], self._store.concepts), least)

    @property
    def refused(self) -> TuningError | None:
        """Error that explains why the spec's students cannot have repairs; None if they can.

        A softmax student can have a value of lambda nevertheless (``takes_lambda``).
        """
        if self._refused_at_all is None and self._spec.students.link == SOFTMAX:
            return TuningError(
                "Repairs change the fit of one class, but with link: softmax one student has all "
                "classes.",
                "Tune by thumbs, or give lambda a value; or "
                + Remedy(
                    "write students.link: sigmoid in the spec",
                    'call students.with_settings(link="sigmoid")',
                )
                + ", which starts a new tree of iterations.",
            )
        return self._refused_at_all

    @property
    def takes_lambda(self) -> bool:
        """True if a class can have its own lambda; also True for softmax students."""
        return self._refused_at_all is None

    @property
    def _refused_at_all(self) -> TuningError | None:
        students = self._spec.students
        if students.solver != "exact":
            return TuningError(
                f"Repairs need students.solver: exact; the spec has {students.solver!r}.",
                Remedy(
                    "Write students.solver: exact in the spec",
                    'Call students.with_settings(solver="exact")',
                )
                + ", or tune by thumbs.",
            )
        if students.tempered == "both" and students.temperature != 1:
            return TuningError(
                "Repairs reweight a single loss, but tempered: both has two losses, of the label "
                "and of the teacher at the temperature.",
                "Tune by thumbs; or write students.tempered: teacher, which starts a new tree of "
                "iterations.",
            )
        return None

    def check_labels_taken(self) -> None:
        """Raise ``TuningError`` if the spec's students cannot learn labels of photos."""
        if self.refused is not None:
            raise self.refused

    def check(self, repairs: Sequence[Repair]) -> None:
        """Raise ``TuningError`` for unknown names, and repairs that these students cannot have."""
        check_repairs(repairs, self._store)
        for repair in repairs:
            if self.refused is not None:
                self._check_joint(repair, self.refused)
        self._check_images([image for repair in repairs for image in repair.images])

    def _check_images(self, images: Sequence[str]) -> None:
        """Raise ``TuningError`` for a photo of the holdout."""
        rows = self._store.rows(HOLDOUT) if images else ()
        held = {self._store.images[row] for row in rows}
        for image in images:
            if image in held:
                raise TuningError(
                    f"{image!r} is an image of the holdout, which is for evaluation only.",
                    "Label images of fit or tune.",
                )

    def _check_joint(self, repair: Repair, refused: TuningError) -> None:
        """Raise ``TuningError`` for a repair that the spec's students cannot have."""
        if not self.takes_lambda:
            raise refused
        repair.check_joint(refused)
