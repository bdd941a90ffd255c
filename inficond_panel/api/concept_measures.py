"""Measures of scripted students by concept: influences, what-ifs, images, stability."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence

import pandas as pd

from inficond_panel.api.arguments import check_word, several, some
from inficond_panel.api.moves import Moves
from inficond_panel.distill.correlations import collinear
from inficond_panel.distill.refits import Progress
from inficond_panel.results.concepts import concepts_of, refit_what_if, scales, what_if
from inficond_panel.results.gallery import ASSIGNED, FILTERS, gallery_frame, take_gallery
from inficond_panel.results.local_explanation import Apart, take_apart
from inficond_panel.results.sensitivity import stability
from inficond_panel.tuning.thumbs import known_name
from inficond_panel.vocabulary.metrics import METRICS, USUAL_METRIC, MetricKey
from inficond_panel.vocabulary.splits import TUNE, Split


class ConceptMeasures(Moves):
    """Tables about the concepts of the students; the history counts each use of the holdout."""

    def concepts_of(self, class_name: str, split: Split = TUNE) -> pd.DataFrame:
        """Return one student's concepts whose influence is not 0, the largest influence first.

        Columns: influence, bounds, discrepancies on positives and negatives; ``ap_without``: the
        AP if this influence were 0, the others fixed. Each use of the holdout is counted.

        >>> students.concepts_of("bicycle")[["influence", "ap_without"]].head(2).round(2)
                       influence  ap_without
        concept
        bicycle            12.93        0.30
        traffic light       7.06        0.95
        """
        return concepts_of(self.student(class_name, split))

    def scales(self, class_name: str) -> pd.DataFrame:
        """Return each concept's scale of scores on ``fit``, with λ and thumb step on that scale.

        A weight is in logits per unit of score. ``spread`` is the score's standard deviation,
        ``effect`` influence × spread, ``penalty`` λ / spread (L1 penalty per unit of effect),
        ``step`` the least step of a thumb (``step_sizes``), ``step_effect`` step × spread.
        """
        class_name = known_name("class", class_name, self.classes)
        return scales(self.tuner, self.node, class_name)

    def twins(self, concept: str, least: float = 0.8) -> pd.Series:
        """Return concepts whose scores on ``fit`` have a correlation >= ``least`` with
        ``concept``'s.

        When ``concept`` is tuned down, a twin can take over its influence: tune both together.

        >>> students.twins("traffic light").round(2)
        concept
        vertical traffic light    0.85
        Name: correlation, dtype: float64
        """
        concept = known_name("concept", concept, self.concepts)
        at = self.concepts.index(concept)
        correlated = collinear(self.tuner.fit_data.images.correlations.rows([at])[0], at, least)
        names = pd.Index([self.concepts[c] for c, _ in correlated], name="concept", dtype=object)
        return pd.Series([r for _, r in correlated], index=names, name="correlation", dtype=float)

    def what_if(
        self,
        class_name: str,
        concept: str,
        metric: MetricKey = USUAL_METRIC,
        split: Split = TUNE,
        *,
        refit: bool = False,
    ) -> pd.DataFrame:
        """Return a metric as a function of a concept's influence, other influences fixed.

        One row has the current influence. With ``refit`` the other influences are solved again,
        which takes seconds. Then a row is a thumb on the concept, from ▼ to ▲ (column ``thumb``),
        with the influence and the metric that its refit gives; with ``tuning.refit: all`` a row is
        a value of the influence. ``change``, ``change_low`` and ``change_high`` are the difference
        from the current metric and its paired-bootstrap interval (with ``refit`` only for metrics
        of decisions). Each use of the holdout is counted.

        >>> curve = students.what_if("bicycle", "traffic light", "ap")
        >>> print(curve["change"].max().round(2))  # of AP, at the best influence
        0.09
        """
        concept = known_name("concept", concept, self.concepts)
        check_word("metric", metric, METRICS)
        student = self.student(class_name, split)
        return (refit_what_if if refit else what_if)(self.tuner, student, concept, metric)

    def explain(self, class_name: str, image: str) -> Apart:
        """Explain a class's logit on one image: the contribution of each concept, and the smallest
        change that reverses the decision. Each use of the holdout is counted.

        >>> apart = students.explain("bicycle", students.images("tune")[0])
        >>> apart.parts[0].concept, round(apart.parts[0].logit, 1)
        ('bicycle', 1.5)
        """
        image = known_name("image", image, self.tuner.store.images)
        row = self.tuner.store.images.index(image)
        return take_apart(self.student(class_name, str(self.tuner.store.split[row])), row)

    def gallery(
        self,
        class_name: str,
        concept: str,
        split: Split = TUNE,
        filters: str | Iterable[str] = ASSIGNED,
    ) -> pd.DataFrame:
        """Return images of a concept, the highest score first, with the decisions per image.

        ``filters`` are any of ``assigned`` (a segment of the image is nearer to this concept than
        to any other: the concept as InFiConD, sec. 4.2, aggregates it), ``positive``, ``negative``,
        ``right`` and ``wrong`` (the student's decision). ``filters=()`` gives all images with a
        score above 0, as does ``assigned`` if the store has no segments. Warns if no image is
        assigned. Each use of the holdout is counted.
        """
        concept = known_name("concept", concept, self.concepts)
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
        """Test whether influences of ``concepts`` (None: the ``top`` first) are stable over
        resampled images.

        Returns a row per concept, with the verdict in ``words``: ``results.sensitivity.stability``.
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
