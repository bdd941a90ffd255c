"""The folder of a repaired network: its files, and a card that says what changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from inficond_panel.common.files import write_folders
from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import count, share
from inficond_panel.errors import ExportError, Remedy
from inficond_panel.export.card_markdown import escape
from inficond_panel.export.network.repair import CONTROL, NetworkRepair
from inficond_panel.results.frame import document, text_table
from inficond_panel.store.network_weights import file_digest
from inficond_panel.version import __version__
from inficond_panel.vocabulary.worlds import INDEPENDENT, WORLDS
from inficond_panel.wording.two_worlds import both_sentences, images_of

#: Names of the cards in a folder.
CARD, CARD_JSON = "card.md", "card.json"


def check_folder(folder: str | Path) -> Path:
    """Return the path of a new folder; raise ``ExportError`` if something is there already."""
    path = Path(folder)
    if path.exists() or path.is_symlink():
        raise ExportError(f"{path} already exists.", "Name a new folder.")
    return path


def check_meant(world: str) -> str:
    """Return the key of a world; raise ``ExportError`` for another text."""
    if world not in WORLDS:
        raise ExportError(
            "A thumb is a decision: it gains AP where the correlation is absent and may cost AP "
            "where it holds, and nobody has said which photos these thumbs are meant for.",
            "Look at the figures, then say it: "
            + Remedy("--yes", f"repair_network(folder, meant={INDEPENDENT.key!r})"),
        )
    return world


def write_network(repair: NetworkRepair, folder: str | Path, meant: str) -> dict[str, Path]:
    """Write a repaired network and its card to a new folder; return the files by name.

    ``meant`` is the world that a person means (``vocabulary.worlds``). Raises ``ExportError`` for a
    folder that exists, and if nobody says which world is meant; nothing is written then.
    """
    target = check_folder(folder)
    check_meant(meant)
    with write_folders(target) as writing:
        files = repair.layer.write(writing, repair.weights)
        card = network_card(repair, meant, files)
        text = json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False)
        (writing / CARD_JSON).write_text(text, encoding="utf-8")
        (writing / CARD).write_text(card_text(repair, card), encoding="utf-8")
        names = [str(file.relative_to(writing)) for file in files]
    return {name: target / name for name in (*names, CARD, CARD_JSON)}


def network_card(repair: NetworkRepair, meant: str, files: list[Path]) -> dict[str, Any]:
    """Return the facts on a repaired network as plain data."""
    tuner, node, old, new = repair.tuner, repair.node, repair.layer.weights, repair.weights
    rows = np.flatnonzero((old.weight != new.weight).any(axis=1) | (old.bias != new.bias))
    return {
        "format": "inficond-network",
        "title": tuner.store.attrs["title"],
        "teacher": tuner.store.attrs["teacher"],
        "node": {"id": node.id, "number": node.number, "author": node.author},
        "meant": meant,
        "layer": {"name": old.name, "outputs": len(old.bias), "features": old.weight.shape[1]},
        "changed_outputs": [int(row) for row in rows],
        "strengths": repair.strengths,
        "agreement": repair.agreement,
        "top1": repair.top1,
        "figures": document(repair.figures()),
        "groups": document(repair.groups()),
        "tuning_images": len(repair.rows),
        "learned_tuning_images": repair.used,
        "left_out_added_photos": repair.added,
        "thumbs": {name: [asdict(each) for each in of] for name, of in repair.thumbs.items()},
        "files": {file.name: file_digest(file) for file in files},
        "version": __version__,
    }


def lines_of(repair: NetworkRepair) -> list[str]:
    """Return sentences on what the refit changes: per class both worlds, groups and agreement."""
    lines = list[str]()
    for worlds, control in zip(repair.worlds, repair.control_worlds, strict=True):
        name = worlds.class_name
        lines += [f"{name}: {text}" for text in both_sentences(worlds)]
        lines += [f"{name}, {CONTROL}: {text}" for text in both_sentences(control)]
        lines.append(
            f"{name}: the new network agrees with the old one on "
            f"{share(repair.agreement[name])} of {count(len(repair.rows), 'tuning image')}."
        )
    return [*lines, *notes_on(repair)]


def _of_all_classes(repair: NetworkRepair) -> Iterator[str]:
    if repair.top1:
        before, after = map(share, repair.top1)
        yield f"All classes: the likeliest class is right for {after} of images, before {before}."


def notes_on(repair: NetworkRepair) -> list[str]:
    """Return sentences on all classes together, on thumbs that were made smaller, and on tuning
    images and added photos that are left out, if there are any."""
    lines = [*_of_all_classes(repair)]
    lines += [
        f"{name}: the network relies little on {listed(each.concepts, 3)}, so that the thumb has "
        f"{share(each.gain / each.asked)} of its size."
        for name, thumbs in repair.thumbs.items()
        for each in thumbs
        if abs(each.gain) < abs(each.asked)
    ]
    if repair.used:
        lines.append(
            f"{count(repair.used, 'tuning image')} that the refit learned from are left out here."
        )
    if repair.added:
        lines.append(f"{count(repair.added, 'added photo')} are left out of the refit.")
    return lines


def question(repair: NetworkRepair) -> str:
    """Return the question which photos the thumbs are meant for, to answer with yes or no."""
    told = dict.fromkeys(images_of(worlds, INDEPENDENT.key) for worlds in repair.with_thumb)
    return f"Are the thumbs meant for {'; and for '.join(told)}?"


def card_text(repair: NetworkRepair, card: dict[str, Any]) -> str:
    """Return the card of a repaired network as Markdown."""
    names = [escape(name) for name in repair.strengths]
    layer, node = card["layer"], card["node"]
    worlds = {worlds.class_name: images_of(worlds, card["meant"]) for worlds in repair.worlds}
    changed = count(len(card["changed_outputs"]), "row")
    parts = [
        f"# Repaired network: {escape(card['title'])}",
        f"The network {escape(card['teacher'])} with other weights of its last linear layer "
        f"`{layer['name']}`, for {', '.join(names)}. The layer was refitted to the targets of "
        f"iteration #{node['number']} ({node['id']}) by {escape(node['author'])}, with a penalty "
        f"on the change of the weights. {changed} of its {layer['outputs']} rows changed; all "
        "other weights and all operators are as they were.",
        "The thumbs are meant for "
        + "; ".join(f"{escape(where)} ({escape(name)})" for name, where in worlds.items())
        + ". In other photos the new network may be worse than the old one.",
        "## Before and after",
        "On the tuning images, by their labels. The control is a refit without a thumb.",
        markdown_table(repair.figures()),
        "Images that the network names, by group:",
        markdown_table(repair.groups()),
        *(escape(line) for line in lines_of(repair) if "agrees with" in line),
        *map(escape, notes_on(repair)),
        "## Files",
        "\n".join(f"- `{name}`: SHA-256 {digest}" for name, digest in card["files"].items()),
    ]
    return "\n\n".join(parts) + "\n"


def markdown_table(frame: pd.DataFrame) -> str:
    """Return the shown rows of a frame as a table in Markdown."""
    header, rows = text_table(frame)
    lines = [header, ["---"] * len(header), *([escape(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
