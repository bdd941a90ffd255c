"""``inficond study``: participants, their pages, and what came of it."""

from __future__ import annotations

import argparse
import getpass
import os
import re
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from inficond_panel.commands.output import note, progress, say, say_json, say_table
from inficond_panel.commands.study_text import board_rows, moment_line, plain_json, summary_lines
from inficond_panel.errors import StudyError
from inficond_panel.study.results.board import board
from inficond_panel.study.results.replayed import rebuild
from inficond_panel.study.results.results import results, summaries
from inficond_panel.study.results.study_tables import export as export_tables
from inficond_panel.study.results.timeline import timeline
from inficond_panel.study.run.log import Participant
from inficond_panel.study.run.study import Study, open_study

#: Most characters of a password.
_PASSWORD = 1000
PASSWORD = "INFICOND_STUDY_PASSWORD"  # noqa: S105 - the name of a variable


def study(args: argparse.Namespace) -> None:
    """Carry out an action on a study."""
    opened = open_study(args.study, args.data)
    if args.action not in {"serve", "add"}:
        _require_data(opened)
    opened.prepare(progress)
    _ACTIONS[args.action](opened, args)


def _require_data(opened: Study) -> None:
    if not (opened.folder / "study.sqlite").exists():
        raise StudyError(
            f"Nothing is recorded in {opened.folder}.",
            "Name its folder with --data, or begin: inficond study serve STUDY",
        )


def _serve(opened: Study, args: argparse.Namespace) -> None:
    from inficond_panel.commands.serving import announce, run_server  # noqa: PLC0415 - loads Panel
    from inficond_panel.study.pages import PAGES  # noqa: PLC0415 - loads Panel

    password = _password(args.password_file)
    if password:
        os.environ[PASSWORD] = password
    name = args.study if args.data is None else f"{args.study} --data {args.data}"

    def tell(url: str) -> None:
        base = url.removesuffix("/study")
        say(f"Participants need a link: inficond study add {name} --url {base}")
        say(f"Researcher: {base}/researcher" if password else "No password: no researcher's page.")
        say("Stop with Ctrl-C; everything is recorded.")

    announce(args, "study", tell)
    args.index = args.index or "study"  # not a list, which names the researcher's page
    opened.close()
    run_server(args, PAGES, [str(args.study), str(opened.folder)])


def _password(file: str | None) -> str:
    """Password of the researcher's page: from a file, the environment, or the terminal."""
    if file:
        try:
            with Path(file).open(encoding="utf-8") as stream:  # a pipe too, such as <(pass show x)
                text = stream.readline(_PASSWORD).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise StudyError(f"{file} cannot be read: {error}.", "Name another file.") from error
        if not text:
            raise StudyError(f"{file} holds no password.", "Write one into its first line.")
        return text
    if os.environ.get(PASSWORD):
        return os.environ[PASSWORD]
    if sys.stdin.isatty():
        return getpass.getpass("Password of the researcher's page (empty: no such page): ")
    return ""


def _add(opened: Study, args: argparse.Namespace) -> None:
    made = [opened.add_participant() for _ in range(args.count)]
    _say_links(args, made)


def _link(opened: Study, args: argparse.Namespace) -> None:
    who = _participant(opened, args.participant)
    _say_links(args, [(who, opened.log.new_token(who.number))])


def _say_links(args: argparse.Namespace, made: list[tuple[Participant, str]]) -> None:
    links = {who.label: f"{args.url.rstrip('/')}/study#{token}" for who, token in made}
    if args.json:
        say_json({"links": links})
        return
    for label, link in links.items():
        say(f"{label}  {link}")


def _list(opened: Study, args: argparse.Namespace) -> None:
    rows = board(opened)
    if args.json:
        say_json({"data": str(opened.folder), "participants": [asdict(row) for row in rows]})
    else:
        say_table(*board_rows(rows))


def _delete(opened: Study, args: argparse.Namespace) -> None:
    who = _participant(opened, args.participant)
    if not args.yes and not _agreed(f"Delete all that is known of {who.label}? [y/N] "):
        note("Nothing was deleted.")
        return
    opened.delete_participant(who.number)
    say(f"{who.label} is deleted: link, events, answers, iterations.")


def _agreed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise StudyError("Deleting needs a yes.", "Add --yes.")
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _replay(opened: Study, args: argparse.Namespace) -> None:
    who = _participant(opened, args.participant)
    moments, rebuilt = timeline(opened, who), rebuild(opened, who)
    if args.json:
        nodes = [
            {"task": item.task, "node": item.node.id, "number": item.node.number}
            | {"weights_hash": item.again.weights_hash, "equal": item.equal}
            for item in rebuilt
        ]
        say_json({"participant": who.label, "events": [vars(m) for m in moments], "nodes": nodes})
        return
    for moment in moments:
        say(moment_line(moment, moments[0].time))
    equal = sum(item.equal for item in rebuilt)
    say(f"{len(rebuilt)} students rebuilt; {equal} are equal bit for bit.")
    for item in rebuilt:
        if not item.equal:
            say(f"{item.task} #{item.node.number} {item.node.id} has other weights.")


def _report(opened: Study, args: argparse.Namespace) -> None:
    from inficond_panel.study.pages.report import write_report  # noqa: PLC0415 - only here

    files = write_report(opened, _folder(opened, args.output, "report"))
    if args.json:
        found = results(opened)
        order = [task.name_ for task in opened.spec.all_tasks]
        means = [asdict(item) for item in summaries(found, order)]
        tasks = [{**asdict(item), "gain": item.gain} for item in found]
        document = {"files": [str(file) for file in files], "summary": means, "tasks": tasks}
        say_json(plain_json(document))
        return
    for line in summary_lines(opened):
        say(line)
    for file in files:
        say(str(file))


def _export(opened: Study, args: argparse.Namespace) -> None:
    for file in export_tables(opened, _folder(opened, args.output, "events"), args.format):
        say(str(file))


def _folder(opened: Study, output: str | None, what: str) -> Path:
    return Path(output) if output else Path(f"{opened.spec.path.stem}-{what}")


def _participant(opened: Study, name: str) -> Participant:
    digits = re.fullmatch(r"[Pp]?0*(\d+)", name)
    if digits is None:
        raise StudyError(f"{name!r} is no participant.", "Give a number or a label, such as P03.")
    return opened.log.participant(int(digits[1]))


_ACTIONS: dict[str, Callable[[Study, argparse.Namespace], Any]] = {
    "serve": _serve,
    "add": _add,
    "list": _list,
    "link": _link,
    "delete": _delete,
    "replay": _replay,
    "report": _report,
    "export": _export,
}
