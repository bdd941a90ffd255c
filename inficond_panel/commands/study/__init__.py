"""``inficond study``: participants, their pages and the results."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping

from inficond_panel.commands.shared.output import progress
from inficond_panel.commands.shared.parser import Parser, checked, positive
from inficond_panel.errors import StudyError
from inficond_panel.study.pages import DEFAULT_URL

DESCRIPTION = "See `inficond docs study`."
EXAMPLE = "inficond study serve inficond --port 5008"

_STUDY = (
    "study file (YAML), name of a packaged study, such as inficond, or a spec with the key study"
)
_PARTICIPANT = "number or label of a participant, such as P03, or id of the open link"

_MEASURES = [
    *("reached", "minutes", "minutes_reached", "iterations", "thumbs", "sorts"),
    *("gain", "holdout_gain", "seq", "nasa_tlx", "sus"),
    *("ueq_s", "ueq_s_pragmatic", "ueq_s_hedonic"),
]
_difference = checked(float, lambda value: 0 < abs(value) < math.inf, "a number other than 0")
_deviation = checked(float, lambda value: 0 < value < math.inf, "a number above 0")
_share = checked(float, lambda value: 0 <= value < 1, "a number from 0 to below 1")
#: What each action does, and what follows it in its example; the functions are ``ACTIONS`` of
#: study_actions.py.
_ACTIONS = {
    "pilot": (
        "Let simulated people take part, and write records and report of them.",
        "inficond --people 20",
    ),
    "serve": ("Serve the pages of participants and researcher.", "inficond --port 5008"),
    "add": (
        "Add participants and print their links, which are shown only once.",
        "inficond --count 10",
    ),
    "list": ("List participants and the step that each has reached.", "inficond"),
    "link": ("Print a new link for a participant; the old link stops working.", "inficond P03"),
    "delete": ("Delete all records of a participant.", "inficond P03"),
    "replay": ("Show a participant step by step, and rebuild the students.", "inficond P01"),
    "report": (
        "Write times, gains, differences and answers: a page (HTML) and CSV.",
        "inficond --output report",
    ),
    "export": ("Write events, tasks, answers and notes as tables.", "inficond --format parquet"),
    "codes": (
        "Compare the codes that two people gave to remarks: Cohen's kappa.",
        "inficond inficond-report/remarks.csv",
    ),
    "size": (
        "Estimate the number of participants that a study needs, from a pilot or --sd.",
        "inficond --measure minutes --difference 2",
    ),
}


def add_arguments(parser: Parser) -> None:
    """Add the actions of ``inficond study``, with their arguments, to its parser."""
    of = parser.add_actions("ACTION STUDY", _ACTIONS, serve=_add_serve_arguments)
    for name, action in of.items():
        action.add_argument("study", metavar="STUDY", help=_STUDY)
        if name in {"link", "delete", "replay"}:
            action.add_argument("participant", metavar="PARTICIPANT", help=_PARTICIPANT)
        action.add_argument(
            "--data", metavar="FOLDER", help="folder of the records (default: as in the study)"
        )
        if name in {"add", "link", "replay"}:
            action.add_json()
        if name in {"pilot", "list", "report", "codes", "size"}:
            action.add_forms()
    _add_own_arguments(of)


def _add_serve_arguments(parser: Parser) -> None:
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
    of["pilot"].add_argument(
        "--people", type=positive, default=20, metavar="N", help="simulated people (default: 20)"
    )
    of["pilot"].add_seed()
    of["add"].add_argument(
        "--count", type=positive, default=1, metavar="N", help="participants to add (default: 1)"
    )
    of["add"].add_argument(
        "--open",
        action="store_true",
        help="print one link for all who bring an id, such as a panel provider's; the previous "
        "open link stops working",
    )
    of["add"].add_argument(
        "--preview",
        action="store_true",
        help="print a link that shows the study and records nothing; the previous one stops "
        "working",
    )
    for name in ("add", "link"):
        of[name].add_argument(
            "--url", help=f"address that study serve prints (default: {DEFAULT_URL})"
        )
    of["delete"].add_argument("--yes", action="store_true", help="delete without asking")
    of["export"].add_argument(
        "--format", choices=["csv", "parquet"], default="csv", help="of tables (default: csv)"
    )
    of["codes"].add_argument("file", metavar="FILE", help="remarks.csv, with both columns filled")
    of["size"].add_argument(
        "--measure",
        default="gain",
        metavar="NAME",
        help=f"measure to compare: {', '.join(_MEASURES)}, or the name of a scored question "
        "(default: gain)",
    )
    of["size"].add_argument(
        "--difference", type=_difference, required=True, metavar="D", help="difference to detect"
    )
    of["size"].add_argument(
        "--sd",
        type=_deviation,
        metavar="S",
        help="standard deviation of people, within subjects of their changes between two "
        "conditions; then no pilot is needed",
    )
    of["size"].add_argument(
        "--dropout",
        type=_share,
        default=0.0,
        metavar="SHARE",
        help="share of people who will not finish, such as 0.2 (default: 0)",
    )
    for name in ("pilot", "report", "export"):
        of[name].add_argument(
            "--output",
            metavar="FOLDER",
            help="folder (default: STUDY-pilot, STUDY-report, STUDY-events; with --data the name "
            "of its folder in place of STUDY)",
        )


def run(args: argparse.Namespace) -> None:
    """Run the chosen action of ``inficond study`` on a study."""
    from inficond_panel.commands.study.study_actions import ACTIONS, pilot
    from inficond_panel.predict import PageEncoder
    from inficond_panel.study.run.study import open_study

    opened = open_study(args.study, args.data)
    if args.action == "pilot":
        pilot(opened, args)
        return
    begun = (opened.folder / "study.sqlite").exists()
    acts = {"serve", "add", "link"} | ({"size"} if not getattr(args, "sd", None) else set())
    if begun and args.action in acts and opened.log.simulated:
        raise StudyError(
            f"{opened.folder} holds the records of simulated people.",
            "Leave --data out, or name the folder of people with it.",
        )
    if args.action == "size" and not (begun or args.sd):
        raise StudyError(
            f"Nothing is recorded in {opened.folder}: this needs a pilot with people, not "
            "simulated ones.",
            "Give a standard deviation with --sd, or name the folder of the pilot with --data.",
        )
    if args.action == "size" and args.sd:
        ACTIONS["size"](opened, args)
        return
    if args.action not in {"serve", "add"} and not begun:
        raise StudyError(
            f"Nothing is recorded in {opened.folder}.",
            "Name the folder of the records with --data, or run: inficond study serve STUDY",
        )
    opened.prepare(progress, PageEncoder if args.action == "serve" else None)
    ACTIONS[args.action](opened, args)
