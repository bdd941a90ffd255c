"""``inficond study``: participants, their pages and the results."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from inficond_panel.commands.shared.arguments import add_json, positive
from inficond_panel.commands.shared.output import progress
from inficond_panel.commands.shared.parser import Parser, described
from inficond_panel.commands.shared.show import add_forms
from inficond_panel.errors import StudyError

if TYPE_CHECKING:
    from inficond_panel.study.run.study import Study

DESCRIPTION = "See `inficond docs study`."
EXAMPLE = "inficond study serve inficond --port 5008"

_STUDY = "study file (YAML), name of a packaged study, such as inficond, or a spec with the key "
_STUDY += "study"
_PARTICIPANT = "number or label of a participant, such as P03"

_MEASURES = ["minutes", "iterations", "thumbs", "sorts", "gain", "holdout_gain"]
_ACTIONS = {
    "serve": "Serve the pages of participants and researcher.",
    "add": "Add participants and print their links, which are shown only once.",
    "list": "List participants and the step that each has reached.",
    "link": "Print a new link for a participant; the old link stops working.",
    "delete": "Delete all records of a participant.",
    "replay": "Show a participant step by step, and rebuild the students.",
    "report": "Write times, gains, differences and answers: a page (HTML) and CSV.",
    "export": "Write events, tasks, answers and notes as tables.",
    "codes": "Compare the codes that two people gave to remarks: Cohen's kappa.",
    "size": "Estimate the number of participants that a study needs, from a pilot.",
}
#: End of the example of each action.
_EXAMPLES = {
    "serve": "inficond --port 5008",
    "add": "inficond --count 10",
    "list": "inficond",
    "link": "inficond P03",
    "delete": "inficond P03",
    "replay": "inficond P01",
    "report": "inficond --output report",
    "export": "inficond --format parquet",
    "codes": "inficond inficond-report/remarks.csv",
    "size": "inficond --measure minutes --difference 2",
}


def add_arguments(parser: Parser) -> None:
    """Add the actions of ``inficond study``, with their arguments, to its parser."""
    actions = parser.add_words("ACTION STUDY", "action")
    for name, text in _ACTIONS.items():
        example = f"inficond study {name} {_EXAMPLES[name]}"
        fill = _add_serve_arguments if name == "serve" else None
        action = actions.add_parser(name, **described(text, example), fill=fill)
        action.add_argument("study", metavar="STUDY", help=_STUDY)
        if name in {"link", "delete", "replay"}:
            action.add_argument("participant", metavar="PARTICIPANT", help=_PARTICIPANT)
        action.add_argument(
            "--data", metavar="FOLDER", help="folder of the records (default: as in the study)"
        )
        if name in {"add", "link", "replay"}:
            add_json(action)
        if name in {"list", "report", "codes", "size"}:
            add_forms(action)
    _add_own_arguments(actions.choices)


def _add_serve_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the password's file and the flags of ``panel serve``."""
    from inficond_panel.commands.serve.server import add_server_arguments

    parser.add_argument(
        "--password-file",
        metavar="FILE",
        help="password of the researcher's page, its first line (default: "
        "$INFICOND_STUDY_PASSWORD, else a prompt)",
    )
    add_server_arguments(parser, "[-h] [--data FOLDER] [--password-file FILE] STUDY")


def _add_own_arguments(of: Mapping[str, Parser]) -> None:
    of["add"].add_argument(
        "--count", type=positive, default=1, metavar="N", help="participants to add (default: 1)"
    )
    of["add"].add_argument(
        "--open",
        action="store_true",
        help="print one link for all who bring an id, such as a panel provider's; the previous "
        "open link stops working",
    )
    for name in ("add", "link"):
        of[name].add_argument(
            "--url",
            default="http://localhost:5006",
            help="address that study serve prints (default: http://localhost:5006)",
        )
    of["delete"].add_argument("--yes", action="store_true", help="delete without asking")
    of["export"].add_argument(
        "--format", choices=["csv", "parquet"], default="csv", help="of tables (default: csv)"
    )
    of["codes"].add_argument("file", metavar="FILE", help="remarks.csv, with both columns filled")
    of["size"].add_argument(
        "--measure",
        choices=_MEASURES,
        default="gain",
        help="measure to compare (default: gain)",
    )
    of["size"].add_argument(
        "--difference", type=float, required=True, metavar="D", help="difference to detect"
    )
    for name in ("report", "export"):
        of[name].add_argument(
            "--output", metavar="FOLDER", help="new folder (default: STUDY-report, STUDY-events)"
        )


def run(args: argparse.Namespace) -> None:
    """Run the chosen action of ``inficond study`` on a study."""
    from inficond_panel.predict import PageEncoder
    from inficond_panel.study.run.study import open_study

    opened = open_study(args.study, args.data)
    if args.action not in {"serve", "add"}:
        _require_data(opened)
    opened.prepare(progress, PageEncoder if args.action == "serve" else None)
    _action(args.action)(opened, args)


def _action(name: str) -> Callable[[Study, argparse.Namespace], None]:
    from inficond_panel.commands.study import participants, study_actions

    return {
        "serve": study_actions.serve,
        "add": participants.add,
        "list": participants.list_participants,
        "link": participants.link,
        "delete": participants.delete,
        "replay": study_actions.replay,
        "report": study_actions.report,
        "export": study_actions.export,
        "codes": study_actions.codes,
        "size": study_actions.size,
    }[name]


def _require_data(opened: Study) -> None:
    if not (opened.folder / "study.sqlite").exists():
        raise StudyError(
            f"Nothing is recorded in {opened.folder}.",
            "Name the folder of the records with --data, or run: inficond study serve STUDY",
        )
