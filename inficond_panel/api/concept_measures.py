"""Measures of scripted students by concept: influences, what-ifs, images, stability."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence

import pandas as pd

from inficond_panel.api.moves import Moves
from inficond_panel.api.names import check_metric, check_word, several, some
from inficond_panel.distill.scores import collinear
from inficond_panel.results.concepts import concepts_of, refit_what_if, scales, what_if
from inficond_panel.results.gallery import ASSIGNED, FILTERS, gallery_frame, take_gallery
from inficond_panel.results.local_explanation import Apart, take_apart
from inficond_panel.results.sensitivity import stability
from inficond_panel.tuning.fitting.recipe import Progress
from inficond_panel.tuning.thumbs import check_name
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.splits import TUNE


class ConceptMeasures(Moves):
    """Measures of the concepts of the students; a look at the holdout is counted."""

    def concepts_of(self, class_name: str, split: str = TUNE) -> pd.DataFrame:
        """Concepts of one student that are not at 0, the largest influence first.

        Beside influence and bounds: the discrepancies over positives and negatives, and the AP
        that the student would have without the concept, the others held. A look at the holdout
        is counted.

        >>> students.concepts_of("bicycle")[["influence", "ap_without"]].head(2).round(2)
                       influence  ap_without
        concept
        bicycle            12.93        0.30
        traffic light       7.06        0.95
        """
        return concepts_of(self.student(class_name, split))

    def scales(self, class_name: str) -> pd.DataFrame:
        """Scale of each concept's score on ``fit``, and what λ and the step are worth on it.

        A weight is in logits per unit of a score. ``effect`` is influence × ``spread`` (the
        standard deviation), ``penalty`` is λ / spread: what the L1 term takes per unit of effect.
        ``step`` is the least size that a thumb counts with, ``step_effect`` that × ``spread``.
        """
        check_name("class", class_name, self.classes)
        return scales(self.tuner, self.node, class_name)

    def twins(self, concept: str, least: float = 0.8) -> pd.Series:
        """Concepts whose scores correlate with this one's by ``least`` or more, on split fit.

        They can take its place when it is tuned down: tune them together.

        >>> students.twins("traffic light").round(2)
        concept
        vertical traffic light    0.85
        Name: correlation, dtype: float64
        """
        check_name("concept", concept, self.concepts)
        correlated = collinear(self.tuner.fit_data.correlation, self.concepts.index(concept), least)
        names = pd.Index([self.concepts[c] for c, _ in correlated], name="concept", dtype=object)
        return pd.Series([r for _, r in correlated], index=names, name="correlation", dtype=float)

    def what_if(
        self,
        class_name: str,
        concept: str,
        metric: str = AP.key,
        split: str = TUNE,
        *,
        refit: bool = False,
    ) -> pd.DataFrame:
        """A metric along the influence of a concept, the others held; one row is as it is now.

        With ``refit`` the others are solved again at each influence, which takes seconds. Beside
        it its change from now with the limits of its paired-bootstrap interval: ``change``,
        ``change_low``, ``change_high`` (of a refit only for metrics of decisions). A look at the
        holdout is counted.

        >>> found = students.what_if("bicycle", "traffic light", "ap")
        >>> print(found["change"].max().round(2))  # of AP, at the best influence
        0.09
        """
        check_name("concept", concept, self.concepts)
        check_metric(metric)
        student = self.student(class_name, split)
        return (refit_what_if if refit else what_if)(self.tuner, student, concept, metric)

    def take_apart(self, class_name: str, image: str) -> Apart:
        """The student's logit on an image of the store by concept, and the smallest change that
        turns its decision. A look at the holdout is counted.

        >>> apart = students.take_apart("bicycle", students.images("tune")[0])
        >>> apart.parts[0].concept, round(apart.parts[0].logit, 1)
        ('bicycle', 1.5)
        """
        check_word("image", image, self.tuner.store.images)
        row = self.tuner.store.images.index(image)
        return take_apart(self.student(class_name, str(self.tuner.store.split[row])), row)

    def gallery(
        self,
        class_name: str,
        concept: str,
        split: str = TUNE,
        filters: str | Iterable[str] = ASSIGNED,
    ) -> pd.DataFrame:
        """Images of a concept, the strongest score first, with the decisions on them.

        ``filters`` are any of ``assigned`` (a segment of the image is nearer to this concept than
        to any other: the concept as InFiConD, sec. 4.2, aggregates it), ``positive``, ``negative``,
        ``right`` and ``wrong`` (the student). ``filters=()`` gives all images with a score above 0,
        as does ``assigned`` where the store has no segments. Warns where no image is assigned. A
        look at the holdout is counted.
        """
        check_name("concept", concept, self.concepts)
        chosen = several(filters)
        for name in chosen:
            check_word("filter", name, FILTERS)
        gallery = take_gallery(self.student(class_name, split), concept)
        if ASSIGNED in chosen and len(gallery.rows) and not gallery.assigned.any():
            warnings.warn(
                f"No segment of the split {split} is assigned to {concept!r}: give filters=() for "
                f"all {len(gallery.rows)} images by their scores.",
                UserWarning,
                stacklevel=2,
            )
        return gallery_frame(self.tuner.store, gallery, chosen, self.tuner.tags())

    def stability(
        self,
        class_name: str,
        concepts: str | Sequence[str] | None = None,
        *,
        top: int = 5,
        draws: int | None = None,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> pd.DataFrame:
        """Whether influences hold over other images: of ``concepts``, or of the ``top`` of them.

        See ``results.sensitivity.stability``; ``words`` has the verdict.
        """
        return stability(
            self.tuner,
            class_name,
            node=self.node,
            concepts=some(concepts),
            top=top,
            draws=draws,
            seed=seed,
            progress=progress,
        )
