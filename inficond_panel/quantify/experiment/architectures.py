"""Architectures of networks by name: timm's, torchvision's, and the small one."""

from __future__ import annotations

from typing import Any

from inficond_panel.common.installation import install_command
from inficond_panel.common.near_words import near
from inficond_panel.errors import DataError, MissingExtraError
from inficond_panel.quantify.experiment.small_networks import STUDENT, TEACHER, build_network


def make_network(kind: str, name: str, outputs: int) -> Any:
    """A network in evaluation, with random weights, for checkpoints to be loaded into.

    ``kind`` is timm, torchvision or small; ``name`` the model's, of a small one ``student`` or
    ``teacher``. Raises ``DataError`` for a model that there is not, and ``MissingExtraError``.
    """
    made = {"timm": _timm, "torchvision": _torchvision, "small": _small}[kind](name, outputs)
    for parameter in made.parameters():
        parameter.requires_grad_(False)
    return made.eval()


def _small(name: str, outputs: int) -> Any:
    return build_network(TEACHER if name == "teacher" else STUDENT, outputs, 0)


def _timm(name: str, outputs: int) -> Any:
    try:
        import timm
    except ImportError as error:
        raise _missing(error) from error
    if not timm.is_model(name):
        raise _unknown("timm", name, timm.list_models())
    return timm.create_model(name, pretrained=False, num_classes=outputs)


def _torchvision(name: str, outputs: int) -> Any:
    try:
        from torchvision import models
    except ImportError as error:
        raise _missing(error) from error
    known = models.list_models(module=models)
    if name not in known:
        raise _unknown("torchvision", name, known)
    return models.get_model(name, weights=None, num_classes=outputs)


def _unknown(package: str, name: str, known: list[str]) -> DataError:
    return DataError(
        f"{package} knows no model {name!r}.{near(name, known, most=3)}",
        f"Name one of {package}'s list_models().",
    )


def _missing(error: ImportError) -> MissingExtraError:
    return MissingExtraError(
        f"This network needs the package {error.name}.",
        f"Install it: {install_command('precompute')}",
    )
