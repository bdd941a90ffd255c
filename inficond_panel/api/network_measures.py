"""Networks that follow scripted students: their targets, a network refitted to thumbs, a pocket."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import pandas as pd

from inficond_panel.api.concept_measures import ConceptMeasures
from inficond_panel.errors import DataError
from inficond_panel.export.network.folder import check_folder, lines_of, write_network
from inficond_panel.export.network.module import repair_module
from inficond_panel.export.network.repair import NetworkRepair, repair_network
from inficond_panel.export.pocket.learn import trunk_names
from inficond_panel.export.pocket.sizes import cost_of_all, make_pockets, write_pockets
from inficond_panel.results.targets import targets
from inficond_panel.tuning.other_students import NodeName, find_node
from inficond_panel.vocabulary.splits import HOLDOUT, TUNE

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import nn


class NetworkMeasures(ConceptMeasures):
    """Networks that learn from the students at one iteration, with tables of their quality."""

    def targets(self, node: NodeName | None = None) -> pd.DataFrame:
        """Return the probabilities that the students are fitted to, one row per image and class.

        ``teacher`` is the teacher's probability. ``adjusted`` is the probability that the student
        learns, after the changes by thumbs, answers and labels. The images are those of ``fit`` and
        those that repairs added; ``source`` says where an image comes from. ``node`` is an
        iteration (None: this one). See ``results.targets``.

        >>> students.targets().loc[("scene-00001", "bicycle"), "source"]
        'fit'
        """
        at = self.node if node is None else find_node(self.tuner, node)
        return targets(self.tuner, at)

    @overload
    def repair_network(
        self, target: str | Path | None = None, *, meant: str = "", node: NodeName | None = None
    ) -> pd.DataFrame: ...

    @overload
    def repair_network(
        self,
        target: nn.Module,
        *,
        prepare: Callable[[Image], Any] | None = None,
        layer: str = "",
        outputs: Sequence[str] = (),
        node: NodeName | None = None,
    ) -> tuple[nn.Module, pd.DataFrame]: ...

    def repair_network(
        self,
        target: str | Path | nn.Module | None = None,
        *,
        meant: str = "",
        node: NodeName | None = None,
        prepare: Callable[[Image], Any] | None = None,
        layer: str = "",
        outputs: Sequence[str] = (),
    ) -> Any:
        """Refit the last layer of a network to thumbs; return its figures before and after.

        The frame has a row per refit (to the thumbs, and a control without), class, world and
        metric, as ``two_worlds``, on the tuning images; the notes are sentences.

        ``target`` is a new folder, to which the network of the spec's teacher is written, with a
        card; None: nothing is written. ``meant`` is the world that the thumbs are meant for,
        ``independent`` or ``these``; it may be left out if ``students.meant`` has said it.

        ``target`` may also be a network in memory, a ``torch.nn.Module`` whose outputs are the
        store's logits. Then a copy with other weights of its last linear layer is returned, and the
        figures. ``prepare`` gives its input ``(3, H, W)`` of an RGB image of Pillow (None: the
        steps of the spec's teacher), ``layer`` names the layer, and ``outputs`` the class of each
        output, in order.

        Raises ``ExportError`` and ``DataError`` for an iteration without an adjusted target, a
        network without a linear last layer, and a folder that exists.
        """
        at = self.node if node is None else find_node(self.tuner, node)
        if target is not None and not isinstance(target, str | Path):
            new, repair = repair_module(self.tuner, at, target, prepare, layer, outputs)
            return new, _figures(repair)
        if prepare or layer or outputs:
            raise DataError(
                "prepare, layer and outputs are for a network in memory, and none is given.",
                "Pass the module first: students.repair_network(module, prepare=...).",
            )
        if target is not None:
            check_folder(target)
        repair = repair_network(self.tuner, at)
        if target is not None:
            write_network(repair, target, meant or repair.meant)
        return _figures(repair)

    def pocket(
        self,
        folder: str | Path | None = None,
        *,
        backbone: str = "",
        size: int | Sequence[int] = 0,
        epochs: int = 0,
        seed: int = 0,
        holdout: bool = False,
        node: NodeName | None = None,
    ) -> pd.DataFrame:
        """Learn a small network from pixels to the scores that the students use; return its quality
        beside teacher and students.

        The frame has a row per model, with AP, agreement with the teacher and agreement of reasons
        on tune, or on the ``holdout``, which counts a use; the notes are sentences. With a new
        ``folder`` the network is written there as ONNX, with a card. ``backbone`` names the trunk,
        see ``export.pocket`` (default: the cheaper one of the spec's encoder and
        efficientnet-lite0), ``size`` the side of its input in pixels (0: its own). Of several sizes
        a network each is made, and the frame is their cost beside their AP. With ``epochs`` the
        trunk is fine-tuned. Raises ``ExportError`` and ``DataError`` for a folder that exists,
        students without a weight, and a trunk that cannot be loaded.
        """
        if folder is not None:
            check_folder(folder)
        sizes = [size] if isinstance(size, int) else size
        names, choice = trunk_names(self.tuner, backbone, sizes)
        at = self.node if node is None else find_node(self.tuner, node)
        split = HOLDOUT if holdout else TUNE
        files = make_pockets(self.tuner, at, names, split, epochs=epochs, seed=seed)
        self.count_look(split, at)
        if folder is not None:
            write_pockets(files, folder)
        if len(files) > 1:
            return cost_of_all(files)
        figures = files[0].frames["quality"]
        figures.attrs["notes"] = [*choice, *files[0].sentences]
        return figures


def _figures(repair: NetworkRepair) -> pd.DataFrame:
    figures = repair.figures()
    figures.attrs["notes"] = lines_of(repair)
    return figures
