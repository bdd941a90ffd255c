"""Processes that work on a history until they are killed, and report each thing that is done.

``python writers.py`` reads one JSON list a line, ``[work, *arguments]``, does it in a forked child
(so that no child has to load the package again) and says the child's id, its reports, and
``"end"`` when it was killed; all as JSON lines.
"""

from __future__ import annotations

import json
import os
import random
import sys

from histories import make_node

from inficond_panel.tuning import History, Intent, Node, open_tuner

ROOT = make_node()


def say(document: object) -> None:
    """One line, written at once: it is there as a whole or not at all."""
    os.write(1, json.dumps(document).encode() + b"\n")


def facts(node: Node) -> list[object]:
    """Facts of a node that must come back."""
    return [node.id, node.weights_hash, node.number]


def write(path: str, seed: int) -> None:
    """Add nodes anywhere in the tree for ever; report each when it is done."""
    history, rng = History(path), random.Random(seed)
    history.add(ROOT)
    nodes = history.nodes(ROOT.id, deleted=True)
    while True:
        parent = rng.choice(nodes)
        node = history.add(make_node(f"{seed}-{len(nodes)}", parent, seed=len(nodes)))
        history.set_head(ROOT.id, node.id, "fine-tune")
        say(facts(node))
        history.set_note(node.id, "x" * rng.randrange(5000))
        history.undo(ROOT.id)
        nodes.append(node)


def tune(spec: str, seed: int) -> None:
    """Tune from the head for ever; report each iteration when it is done."""
    tuner, rng = open_tuner(spec), random.Random(seed)
    while True:
        concept = rng.choice(tuner.store.concepts)
        thumb = Intent("bicycle", concept, rng.choice(["up", "down"]), rng.uniform(1.1, 3))
        node = tuner.fine_tune(tuner.head(), [thumb])
        tuner.set_head(node, "fine-tune")
        say(facts(node))


def main() -> None:
    """Serve commands until the input ends."""
    for line in sys.stdin:
        work, *arguments = json.loads(line)
        child = os.fork()
        if child == 0:
            try:
                say(os.getpid())  # by the child itself: its first report may come at once
                {"write": write, "tune": tune}[work](*arguments)
            finally:
                os._exit(1)
        os.waitpid(child, 0)
        say("end")


if __name__ == "__main__":
    main()
