"""Writes a file of each format that this version writes, to be kept for the tests of later ones.

    python tests/formats/write.py

Run it when a format gets another number. Files of the earlier numbers stay: a later version reads
them, or says in one sentence what to do.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path += [str(HERE.parent), str(HERE.parents[1])]

from factory import small_spec  # noqa: E402
from studies import at_work, small_study  # noqa: E402

from inficond_panel.export import export  # noqa: E402
from inficond_panel.export.exported import EXPORT_VERSION  # noqa: E402
from inficond_panel.export.folder import FORMATS  # noqa: E402
from inficond_panel.store import FORMAT_VERSION  # noqa: E402
from inficond_panel.study.run.log import SCHEMA  # noqa: E402
from inficond_panel.tuning import Intent, open_tuner  # noqa: E402
from inficond_panel.tuning.history.log import HISTORY  # noqa: E402


def main() -> None:
    """Write store, history, export and study, and what they hold as ``facts.json``."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        facts = write_students(folder) | write_study(folder / "study")
        (HERE / "facts.json").write_text(json.dumps(facts, indent=1) + "\n")


def write_students(folder: Path) -> dict[str, object]:
    """Write the files of a small spec with two iterations; return what they hold."""
    spec = small_spec(folder, images=60, concepts=12, classes=2)
    tuner = open_tuner(spec)
    node = tuner.fine_tune(tuner.root(), [Intent("bicycle", "wheel", "down", 2.0)])
    tuner.history.set_note(node.id, "wheels count for less")
    tuner.history.close()
    shutil.make_archive(str(HERE / f"store-{FORMAT_VERSION}"), "zip", tuner.store.path)
    shutil.copy(tuner.history.path, HERE / f"history-{HISTORY.version}.sqlite")
    export(tuner, node, folder / "export", FORMATS)
    for file in (folder / "export").glob("students.*"):
        shutil.copy(file, HERE / f"students-{EXPORT_VERSION}{file.suffix}")
    return {"store": tuner.store.content_hash, "node": node.id, "weights": node.weights_hash}


def write_study(folder: Path) -> dict[str, object]:
    """Write the log of a study with one participant, who has come to the first task; return the
    number of events."""
    folder.mkdir()
    study = small_study(folder)
    visitor = at_work(study)
    visitor.leave()
    events = len(study.log.events(1))
    study.log.close()
    shutil.copy(study.folder / "study.sqlite", HERE / f"study-{SCHEMA.version}.sqlite")
    return {"events": events}


if __name__ == "__main__":
    main()
