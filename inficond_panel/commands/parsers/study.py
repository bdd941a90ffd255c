"""The arguments of ``inficond study``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from inficond_panel.commands.parsers.common import add_command, add_json, positive

_STUDY = "file of a study (YAML), the name of one that comes along, such as inficond, or a spec of "
_STUDY += "the app with the key study"
_PARTICIPANT = "number or label of a participant, such as P03"


def add_study_command(commands: argparse._SubParsersAction, chosen: Sequence[str]) -> None:
    """Add study and its actions; with the flags of ``panel serve`` where ``chosen`` serves one."""
    study = add_command(
        commands,
        "study",
        "study",
        "Run a study with people, and say what came of it.",
        "See docs/study.md.",
        "inficond study serve inficond --port 5008",
    )
    actions = study.add_subparsers(dest="action", required=True, metavar="ACTION")

    def add(name: str, text: str, *, participant: bool = False) -> argparse.ArgumentParser:
        action: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text)
        action.add_argument("study", metavar="STUDY", help=_STUDY)
        if participant:
            action.add_argument("participant", metavar="PARTICIPANT", help=_PARTICIPANT)
        action.add_argument(
            "--data", metavar="FOLDER", help="what is recorded (default: as the study says)"
        )
        return action

    serve = add("serve", "Serve the pages of participants and researcher.")
    serve.add_argument(
        "--password-file",
        metavar="FILE",
        help="password of the researcher's page, its first line (default: "
        "$INFICOND_STUDY_PASSWORD, else it is asked for)",
    )
    adding = add("add", "Add participants and print their links, which are told only once.")
    adding.add_argument("--count", type=positive, default=1, metavar="N", help="(default: 1)")
    listing = add("list", "Say who is where.")
    link = add("link", "Give a participant another link; the old one ends.", participant=True)
    for action in (adding, link):
        action.add_argument(
            "--url",
            default="http://localhost:5006",
            help="address that study serve tells (default: http://localhost:5006)",
        )
    delete = add("delete", "Delete all that is known of a participant.", participant=True)
    delete.add_argument("--yes", action="store_true", help="do not ask")
    replay = add(
        "replay", "Show a participant step by step, and rebuild the students.", participant=True
    )
    report = add("report", "Write times, iterations, gains and answers: a page (HTML) and CSV.")
    export = add("export", "Write events, tasks and answers as tables.")
    export.add_argument(
        "--format", choices=["csv", "parquet"], default="csv", help="(default: csv)"
    )
    for action in (report, export):
        action.add_argument("--output", metavar="FOLDER", help="(default: STUDY-report, -events)")
    for action in (adding, listing, link, replay, report):
        add_json(action)
    if list(chosen[:2]) == ["study", "serve"]:
        from inficond_panel.commands.serving import add_arguments  # noqa: PLC0415 -- loads Panel

        add_arguments(serve)
