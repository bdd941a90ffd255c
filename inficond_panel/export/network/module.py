"""A network in memory, a ``torch.nn.Module``, refitted to the targets of an iteration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from inficond_panel.common.installation import needs
from inficond_panel.export.network.repair import WHAT, NetworkRepair, repair_network
from inficond_panel.tuning import Node, Tuner

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import nn


def repair_module(
    tuner: Tuner,
    node: Node,
    module: nn.Module,
    prepare: Callable[[Image], Any] | None = None,
    layer: str = "",
    outputs: Sequence[str] = (),
) -> tuple[nn.Module, NetworkRepair]:
    """Return a copy of ``module`` whose last linear layer is refitted to the targets of ``node``,
    and the refit with its figures.

    ``prepare`` gives the network's input of an RGB image (None: the steps of the spec's teacher);
    ``layer`` names the layer ("": the one that runs last); ``outputs`` are the class of each
    output. Raises the errors of ``repair_network`` and of ``module_layer``.
    """
    with needs(WHAT, "precompute"):
        from precompute.teachers.module_layer import copy_with, module_layer  # noqa: PLC0415 - an extra
    tuner.spec.check_making()
    found = module_layer(module, tuner.spec.teacher, tuner.store.classes, outputs, prepare, layer)
    repair = repair_network(tuner, node, layer=found)
    return copy_with(module, repair.weights), repair
