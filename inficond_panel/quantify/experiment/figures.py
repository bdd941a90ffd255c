"""The figures of an experiment in a folder: ``experiment.json`` and ``figures.npz``."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inficond_panel.errors import DataError
from inficond_panel.quantify.experiment.hypotheses import Followed


@dataclass(frozen=True, eq=False)
class Figures:
    """Figures measured: ``facts`` are plain values (settings, average precision, ...), ``images``
    the ids of the N measured ones, ``foreground`` their masks ``(N, H, W)``, ``networks`` the
    trainings of each network."""

    facts: dict[str, Any]
    images: list[str]
    foreground: NDArray[np.bool_]
    networks: dict[str, list[Followed]]


def write_figures(folder: Path, figures: Figures) -> None:
    """Write both files."""
    arrays: dict[str, Any] = {"foreground": figures.foreground, "image": np.array(figures.images)}
    for name, trainings in figures.networks.items():
        for number, followed in enumerate(trainings):
            end = f"_{number}" if number else ""
            arrays[f"{name}_contrast{end}"] = followed.contrast
            arrays[f"{name}_travelled{end}"] = followed.travelled
    np.savez_compressed(folder / "figures.npz", **arrays)
    text = json.dumps(figures.facts, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / "experiment.json").write_text(text + "\n", encoding="utf-8")


def read_figures(folder: Path) -> Figures:
    """Read both files; raises ``DataError`` where they are missing or damaged."""
    try:
        facts = json.loads((folder / "experiment.json").read_text(encoding="utf-8"))
        with np.load(folder / "figures.npz", allow_pickle=False) as file:
            networks: dict[str, list[Followed]] = {}
            for name in file.files:
                network, kind, _ = name.partition("_contrast")
                if kind:
                    travelled = file[name.replace("_contrast", "_travelled")]
                    networks.setdefault(network, []).append(Followed(file[name], travelled))
            return Figures(facts, [str(i) for i in file["image"]], file["foreground"], networks)
    except FileNotFoundError as error:
        raise DataError(
            f"{folder} holds no experiment: {Path(str(error.filename)).name} is missing.",
            "Make one: inficond quantify experiment SPEC --output FOLDER",
        ) from error
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"The experiment in {folder} is damaged: {error}.", "Make it anew.") from (
            error
        )
