"""Table of the commands, in the order and the groups of ``inficond --help``."""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple


class Command(NamedTuple):
    """A command, its group, its summary on one line, and its module in this package.

    The module has DESCRIPTION, EXAMPLE, ``add_arguments(parser)`` and ``run(args)``; it is loaded
    when its command is chosen.
    """

    name: str
    group: str
    summary: str
    module: str


COMMANDS = (
    Command("demo", "Start", "Serve the embedded demo.", "demo"),
    Command("serve", "Start", "Serve the page for one or more specs.", "serve.server"),
    Command("docs", "Start", "Print a page of the documentation.", "docs"),
    Command("completion", "Start", "Print the completion script of bash or zsh.", "completion"),
    Command("init", "Data", "Write a spec for a folder of photos, or a store of tables.", "init"),
    Command("check", "Data", "Read a spec and report all its problems.", "check"),
    Command("precompute", "Data", "Make the store of a spec from its images.", "precompute"),
    Command("extend", "Data", "Add photos to a store, labelled by its teacher.", "extend"),
    Command("info", "Data", "Print what a store holds and how it was made.", "info"),
    Command("doctor", "Data", "Report what is wrong, and what to do first.", "doctor"),
    Command("concept", "Data", "Add, remove and list concepts that you type.", "concept"),
    Command("logits", "Data", "Write the teacher's logits of a store as a table.", "logits"),
    Command("distill", "Students", "Distill the students of a spec and measure them.", "distill"),
    Command("metrics", "Students", "Measure students: metrics, intervals, slices.", "metrics"),
    Command(
        "stability", "Students", "Test whether a student's influences are stable.", "stability"
    ),
    Command("thresholds", "Students", "Choose the thresholds of classes by labels.", "thresholds"),
    Command("compare", "Students", "Compare teacher and oracle, and their students.", "compare"),
    Command("page", "Students", "Write the page of an iteration as one HTML file.", "page"),
    Command("predict", "Students", "Predict classes of new photos, rows or captions.", "predict"),
    Command("pocket", "Students", "Write a small network with the students, as ONNX.", "pocket"),
    Command("export", "Students", "Write the students of an iteration to a folder.", "export"),
    Command("tune", "Tuning", "Refit students by the edits of a file.", "tune"),
    Command("ask", "Tuning", "Choose images to answer, and refit to the answers.", "ask"),
    Command("lambda", "Tuning", "Measure a student over its L1 penalty.", "penalty_path"),
    Command("suggest", "Tuning", "Propose and apply repairs, by the labels of tune.", "suggest"),
    Command("explain", "Tuning", "Report what a refit changed, and what bounds cost.", "explain"),
    Command(
        "repair-network", "Tuning", "Refit the last layer of a network to thumbs.", "repair_network"
    ),
    Command("history", "Tuning", "Draw the tree of iterations and move in it.", "history"),
    Command("study", "Studies", "Run a study with people and report on it.", "study"),
    Command("quantify", "Studies", "Measure which pixels a network knows.", "quantify"),
)  # fmt: skip


def overview() -> str:
    """Return the list of commands by group, one per line."""
    width = max(len(command.name) for command in COMMANDS) + 2
    parts = []
    for group, commands in groupby(COMMANDS, key=lambda command: command.group):
        lines = [f"  {command.name:<{width}}{command.summary}" for command in commands]
        parts.append("\n".join([f"{group}:", *lines]))
    return "\n\n".join(parts)
