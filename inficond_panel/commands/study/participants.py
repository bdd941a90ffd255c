"""Actions of ``inficond study`` on participants: add, link, list, delete."""

from __future__ import annotations

import argparse
import re
import sys

from inficond_panel.commands.shared.output import note, say, say_json
from inficond_panel.commands.shared.show import show
from inficond_panel.errors import StudyError
from inficond_panel.study.results.study_tables import board_table
from inficond_panel.study.run.records import Participant
from inficond_panel.study.run.study import Study


def add(opened: Study, args: argparse.Namespace) -> None:
    """Add participants and print their links, or the open link."""
    if args.open:
        query = opened.spec.participants.query
        link = f"{args.url.rstrip('/')}/study{query}#{opened.log.make_open_link()}"
        if args.json:
            say_json({"links": {"open": link}})
        else:
            say(link)
        return
    made = [opened.add_participant() for _ in range(args.count)]
    _say_links(args, made)


def link(opened: Study, args: argparse.Namespace) -> None:
    """Print a new link for a participant; the old link stops working."""
    who = find_participant(opened, args.participant)
    _say_links(args, [(who, opened.log.new_token(who.number))])


def _say_links(args: argparse.Namespace, made: list[tuple[Participant, str]]) -> None:
    links = {who.label: f"{args.url.rstrip('/')}/study#{token}" for who, token in made}
    if args.json:
        say_json({"links": links})
        return
    for label, link in links.items():
        say(f"{label}  {link}")


def list_participants(opened: Study, args: argparse.Namespace) -> None:
    """Print a table of participants and the step that each has reached."""
    show(args, board_table(opened))


def delete(opened: Study, args: argparse.Namespace) -> None:
    """Delete all records of a participant, after a question in the terminal unless ``--yes``."""
    who = find_participant(opened, args.participant)
    if not args.yes and not _agreed(f"Delete all records of {who.label}? [y/N] "):
        note("Nothing was deleted.")
        return
    opened.delete_participant(who.number)
    say(f"{who.label} is deleted: link, events, answers, iterations.")


def _agreed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise StudyError("The deletion is not confirmed.", "Use a terminal, or add --yes.")
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def find_participant(opened: Study, name: str) -> Participant:
    """Return the participant with a number or label; raise ``StudyError`` if there is none."""
    digits = re.fullmatch(r"[Pp]?0*(\d+)", name)
    if digits is None:
        raise StudyError(
            f"{name!r} is not a participant.", "Give a number or a label, such as P03."
        )
    return opened.log.participant(int(digits[1]))
