"""The user's own network in the export: figures before and after, and which photos are meant."""

from __future__ import annotations

from math import isnan
from typing import Any

from inficond_panel.common.numbers import count, share
from inficond_panel.export.network.folder import notes_on
from inficond_panel.export.network.repair import NetworkRepair
from inficond_panel.state import AppState
from inficond_panel.state.network import NetworkState
from inficond_panel.tuning.two_worlds import ClassWorlds
from inficond_panel.ui.component import Acting, action
from inficond_panel.vocabulary.worlds import WORLDS
from inficond_panel.wording.two_worlds import figure_texts, images_of


def make_network(state: NetworkState) -> dict[str, Any]:
    """Return what the page shows of the refit of the user's network; {} if none is offered.

    ``node`` is the iteration that was refitted, "" before; ``classes`` and ``choices`` are those of
    ``make_repair``, and left out until the refit is there.
    """
    if not state.offered:
        return {}
    status = state.status
    failed = status.kind == "error"
    teacher = state.tuner.spec.teacher
    return {
        "name": teacher.title if teacher else "",
        "missing": state.missing,
        "node": state.node_id,
        "kind": status.kind,
        "busy": state.busy,
        "progress": status.progress,
        "status": "" if failed else status.text,
        "error": f"{status.text} {status.remedy}".strip() if failed else "",
        **(make_repair(state.repair) if state.repair is not None else {}),
    }


def make_repair(repair: NetworkRepair) -> dict[str, Any]:
    """Return the figures of a refitted network, as plain data.

    ``classes`` have the agreement with the old network, and the shares of the images named per
    group; ``choices`` are the worlds, with the figures of each class and of the control. ``meant``
    is the world that people said, "" if nobody did.
    """
    pairs = list(zip(repair.worlds, repair.control_worlds, strict=True))
    return {
        "classes": [_of_class(repair, worlds) for worlds in repair.worlds],
        "choices": [
            {
                "key": key,
                "photos": _photos(repair, key),
                "figures": [_figures(*pair, key) for pair in pairs],
            }
            for key in WORLDS
        ],
        "meant": repair.meant,
        "notes": notes_on(repair),
    }


def _of_class(repair: NetworkRepair, worlds: ClassWorlds) -> dict[str, Any]:
    name = worlds.class_name
    agreement, images = share(repair.agreement[name]), count(len(repair.rows), "tuning image")
    rows = [row for row in repair.group_rows if row["class"] == name]
    return {
        "name": name,
        "agreement": f"The new network agrees with the old one on {agreement} of {images}.",
        "groups": [
            {
                "words": row["group"],
                "images": count(row["images"]),
                "before": _percent(row["before"]),
                "after": _percent(row["after"]),
            }
            for row in rows
        ],
    }


def _percent(value: float) -> float | None:
    return None if isnan(value) else round(value, 1)


def _photos(repair: NetworkRepair, world: str) -> str:
    """Return the words for the photos of a world, for all classes that have a thumb."""
    named = repair.with_thumb or repair.worlds
    text = "; and ".join(dict.fromkeys(images_of(worlds, world) for worlds in named))
    return text[:1].upper() + text[1:]


def _figures(worlds: ClassWorlds, control: ClassWorlds, world: str) -> dict[str, Any]:
    """Return the figures of a class in a world, and the first of them, AP, of the control."""
    without = figure_texts(control, world)
    return {
        "of": worlds.class_name,
        "figures": figure_texts(worlds, world),
        "control": without[0][0] if without else "",
    }


class NetworkActions(Acting):
    """The actions of a view that has the dialog of the user's network."""

    app: AppState

    @action
    def _refit_network(self, node: str) -> None:
        self.app.network.refit(node)

    @action
    def _stop_network(self) -> None:
        self.app.network.cancel()

    @action
    def _save_network_file(self, world: str) -> None:
        self.app.network.write(world)
