"""Actions of ``inficond study``: participants, their pages and their records."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from inficond_panel.commands.shared.output import (
    note,
    progress,
    progress_by_steps,
    say,
    say_json,
    show,
    show_all,
    show_lines,
)
from inficond_panel.common.installation import path_word
from inficond_panel.common.numbers import count
from inficond_panel.errors import StudyError
from inficond_panel.results.frame import documents
from inficond_panel.study.pages import DEFAULT_URL, PASSWORD, STUDY_PAGES
from inficond_panel.study.results.differences import values_of
from inficond_panel.study.results.output_folder import check_output, folders_of, write_readme
from inficond_panel.study.results.remarks import agreement, read_codes, remarks_table, with_codes
from inficond_panel.study.results.results import results, unmeasured, with_holdout
from inficond_panel.study.results.sample_size import (
    Deviation,
    deviation_of,
    fitted_effects,
    sample_sizes,
)
from inficond_panel.study.results.study_tables import board_table
from inficond_panel.study.results.study_tables import export as export_tables
from inficond_panel.study.results.summary import words_of
from inficond_panel.study.results.timeline import counted_scores, rebuild, timeline
from inficond_panel.study.run.balance import unevenness
from inficond_panel.study.run.log import StudyLog
from inficond_panel.study.run.progress import when
from inficond_panel.study.run.records import Participant
from inficond_panel.study.run.study import Study
from inficond_panel.study.spec.measures import REACHED, TASK_MEASURES
from inficond_panel.study.spec.questionnaires import SCALES
from inficond_panel.study.spec.study_spec import PREVIEW


def pilot(opened: Study, args: argparse.Namespace) -> None:
    """Let simulated people take part in a study, write their records beside those of people, and
    the report and all tables to a folder."""
    from inficond_panel.study.pages.pilot import begin_pilot, pilot_folder, run_pilot
    from inficond_panel.study.pages.report import write_report

    folder = opened.folder if args.data else pilot_folder(opened)
    simulated = Study(opened.spec, folder, opened.own)
    output = _folder(simulated, args, "pilot")
    begin_pilot(simulated)
    simulated.prepare(progress)
    steps = run_pilot(simulated, args.people, args.seed or 0, progress_by_steps)
    write_readme(simulated, output)
    files, frames = write_report(simulated, output)
    export_tables(simulated, output, "csv")
    show_all(args, {"steps": steps, **frames}, ("steps",))
    note(f"Written: {files[0]} and the tables of the study beside it")
    note(f"Records: {simulated.folder}; other actions read them with --data {simulated.folder}")


def add(opened: Study, args: argparse.Namespace) -> None:
    """Add participants and print their links, the open link, or the link for previews."""
    url = _url(args)
    if args.preview:
        link = f"{url}/study?{PREVIEW}#{opened.log.make_preview_link()}"
        show_lines(args, {"links": {"preview": link}}, [link])
        return
    if args.open:
        query = opened.spec.participants.query
        link = f"{url}/study{query}#{opened.log.make_open_link()}"
        show_lines(args, {"links": {"open": link}}, [link])
        note(
            "Prolific fills in each person's ids in place of {{%…%}}. Links of other providers: "
            "inficond docs study"
        )
        return
    _show_links(args, url, [opened.add_participant() for _ in range(args.count)])
    slots = {participant.slot for participant in opened.log.participants()}
    if args.count > 1 and (uneven := unevenness(opened.spec, len(slots))):
        note(f"Warning: {uneven}")


def link(opened: Study, args: argparse.Namespace) -> None:
    """Print a new link for a participant; the old link stops working."""
    who = find_participant(opened, args.participant)
    _show_links(args, _url(args), [(who, opened.log.new_token(who.number))])


def _url(args: argparse.Namespace) -> str:
    """Return the address of the server; a note says so if it was not given, since a server may run
    elsewhere."""
    if args.url:
        return str(args.url).rstrip("/")
    note(f"The link is to {DEFAULT_URL}. If study serve printed another address, name it by --url.")
    return DEFAULT_URL


def _show_links(args: argparse.Namespace, url: str, made: list[tuple[Participant, str]]) -> None:
    links = {who.label: f"{url}/study#{token}" for who, token in made}
    show_lines(args, {"links": links}, [f"{label}  {link}" for label, link in links.items()])


def delete(opened: Study, args: argparse.Namespace) -> None:
    """Delete all records of a participant, after a question in the terminal unless ``--yes``; name
    the folders with tables that were written before."""
    who = find_participant(opened, args.participant)
    if not args.yes:
        if not sys.stdin.isatty():
            raise StudyError("The deletion is not confirmed.", "Use a terminal, or add --yes.")
        sys.stderr.write(f"Delete all records of {who.label}? [y/N] ")
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            note("Nothing was deleted.")
            return
    opened.delete_participant(who.number)
    say(f"{who.label} is deleted: link, events, answers, iterations.")
    for folder in folders_of(opened.folder):
        for line in _write_anew(opened, args, folder):
            note(line)


def _write_anew(opened: Study, args: argparse.Namespace, folder: Path) -> Iterator[str]:
    """Yield what to do about tables in ``folder`` that were written before a deletion; also why the
    report would stop there, if it would."""
    inside = folder.is_relative_to(Path.cwd().resolve())
    shown = Path(os.path.relpath(folder)) if inside else folder
    actions = ["report"] * (folder / "report.html").exists()
    for kind in ("csv", "parquet"):
        actions += [f"export --format {kind}"] * (folder / f"events.{kind}").exists()
    study, output = _named(args), f"--output {path_word(shown)}"
    commands = [f"inficond study {a} {study} {output}" for a in actions]
    yield f"{shown} has tables from before the deletion. Write them anew:"
    yield from (f"  {command}" for command in commands)
    try:
        with_codes(remarks_table(opened), shown / "remarks.csv")
    except StudyError as error:
        yield f"That will stop: {error.for_shell}"


def find_participant(opened: Study, name: str) -> Participant:
    """Return the participant with a number, label, or first id of the open link; raise
    ``StudyError`` if there is none, or if the id of one is the number of another."""
    first_id = next(iter(opened.spec.participants.ids), "")
    came = opened.log.by_external_id(first_id, name) if name else None
    digits = re.fullmatch(r"[PpSs]?0*(\d{1,9})", name)
    number = int(digits[1]) if digits else None
    if came and number in {who.number for who in opened.log.participants()} - {came.number}:
        raise StudyError(
            f"{name!r} is the number of one participant, and the id of {came.label}.",
            f"Give {came.label}, or for the other one 00{number}.",
        )
    if came:
        return came
    if number is None:
        raise StudyError(
            f"{name!r} is not a participant.",
            "Give a number or a label, such as P03, or an id of the open link.",
        )
    return opened.log.participant(number)


def replay(opened: Study, args: argparse.Namespace) -> None:
    """Print each event of a participant, and rebuild the students that the participant tuned."""
    who = find_participant(opened, args.participant)
    moments, rebuilt = timeline(opened, who), rebuild(opened, who)
    nodes = [
        {"task": item.task, "node": item.node.id, "number": item.node.number}
        | {"weights_hash": item.again.weights_hash, "equal": item.equal}
        for item in rebuilt
    ]
    document = {"participant": who.label, "events": [vars(m) for m in moments], "nodes": nodes}
    differ = [item for item in rebuilt if not item.equal]
    lines = []
    for moment in moments:
        seconds = (when(moment.time) - when(moments[0].time)).total_seconds()
        minutes, rest = divmod(max(seconds, 0.0), 60)
        about = json.dumps(dict(moment.payload), ensure_ascii=False) if moment.payload else ""
        columns = f"{moment.step:<16} {moment.view:<13} {moment.action:<10}"
        lines.append(f"{int(minutes):3d}:{rest:04.1f}  {columns} {about}".rstrip())
    lines += [
        f"{count(len(rebuilt), 'student')} rebuilt; {len(rebuilt) - len(differ)} are equal bit for "
        "bit.",
        *(f"{i.task} #{i.node.number} {i.node.id} has different weights." for i in differ),
    ]
    show_lines(args, document, lines)


def report(opened: Study, args: argparse.Namespace) -> None:
    """Write the report of a study (HTML and CSV), and print its summary."""
    from inficond_panel.study.pages.report import write_report

    output = _folder(opened, args, "report")
    readme = write_readme(opened, output)
    files, frames = write_report(opened, output)
    written = [str(file) for file in [*files, readme]]
    if args.json:
        say_json({"files": written, **documents(frames)})
        return
    show_all(args, frames, ("summary",))
    for file in written:
        note(f"Written: {file}")


def codes(_: Study, args: argparse.Namespace) -> None:
    """Print how far the codes that two people gave to remarks agree (Cohen's kappa)."""
    show(args, agreement(read_codes(Path(args.file))))


def size(opened: Study, args: argparse.Namespace) -> None:
    """Print how many participants a study needs to detect a difference, by the deviation that was
    given or that of a pilot's people. Raises ``StudyError`` for a measure that the study lacks, and
    for a difference of shares above 1."""
    _check_measure(opened, args)
    within = opened.spec.within
    deviation = Deviation(args.sd) if args.sd else _deviation(opened, args)
    frame = sample_sizes(
        deviation,
        args.difference,
        within=within,
        fitted=fitted_effects(opened.spec) if within else 1,
        dropout=args.dropout,
    )
    show(args, frame)


def _check_measure(opened: Study, args: argparse.Namespace) -> None:
    measure, scored = args.measure, opened.spec.scored
    if measure not in {*TASK_MEASURES, *SCALES, *scored}:
        known = ", ".join([*TASK_MEASURES, *SCALES, *scored])
        raise StudyError(
            f"There is no measure {measure!r}.",
            f"The measures are {known}; a question of yours is one with scored: true.",
        )
    shares = measure == REACHED or measure in scored
    if shares and abs(args.difference) > 1:
        raise StudyError(
            f"{measure} is a share, so that a difference is 1 at most.",
            "Give it as a share: --difference 0.2 is 20 of 100 people.",
        )


def _deviation(opened: Study, args: argparse.Namespace) -> Deviation:
    measured, measure = with_holdout(opened, results(opened), look=False), args.measure
    if measure == "holdout_gain" and (left := unmeasured(opened, measured)):
        raise StudyError(
            f"{count(left, 'finished task')} of people have not been measured on the holdout: the "
            "report does this.",
            f"Run first: inficond study report {_named(args)}",
        )
    levels = [str(level.name_) for level in opened.spec.levels]
    words = words_of(measure, opened.image_word)
    values = values_of(measured, counted_scores(opened), measure)
    return deviation_of(values, levels, words, within=opened.spec.within)


def _named(args: argparse.Namespace) -> str:
    """Return the study, and its data if they were named, as words of a command."""
    data = "" if args.data is None else f" --data {path_word(args.data)}"
    return f"{path_word(args.study)}{data}"


def export(opened: Study, args: argparse.Namespace) -> None:
    """Write events, tasks and answers of a study as tables, and print the files."""
    output = _folder(opened, args, "events")
    readme = write_readme(opened, output)
    for file in [*export_tables(opened, output, args.format), readme]:
        say(str(file))


def _folder(opened: Study, args: argparse.Namespace, what: str) -> Path:
    """Return the folder to write to: ``--output``, or one named like the study, or like the folder
    of ``--data``. Raises ``StudyError`` if it holds tables of other records."""
    usual = args.data is None or opened.folder.name == f"{opened.spec.path.stem}.study"
    name = opened.spec.path.stem if usual else opened.folder.name
    folder = Path(args.output or f"{name}-{what}")
    check_output(folder, opened.folder)
    return folder


#: Most characters of a password.
_PASSWORD = 1000


def serve(opened: Study, args: argparse.Namespace) -> None:
    """Serve the pages of participants and researcher until the server is stopped."""
    from inficond_panel.commands.serve.server import announce, run_server
    from inficond_panel.serving import health

    password = _password(args.password_file)
    if password:
        os.environ[PASSWORD] = password
    name = _named(args)

    def tell(url: str) -> None:
        base = url.removesuffix("/study")
        say(f"Participants need a link: inficond study add {name} --url {base}")
        say(f"Researcher: {base}/researcher" if password else "No password: no researcher's page.")
        say("Stop with Ctrl-C; everything is recorded.")

    announce(args, "study", tell)
    args.index = args.index or "study"  # not a list, which names the researcher's page
    opened.close()
    health.watch([partial(_fault_of, StudyLog(opened.log.path))])
    run_server(args, STUDY_PAGES, [str(args.study), str(opened.folder)])


def _fault_of(log: StudyLog) -> str:
    """Return "" if events can be recorded now, else a word for what cannot be written."""
    return "" if log.is_writable() else "data"


def _password(file: str | None) -> str:
    """Read the password of the researcher's page from a file, the environment or the terminal."""
    if file:
        try:
            with Path(file).open(encoding="utf-8") as stream:  # a pipe too, such as <(pass show x)
                text = stream.readline(_PASSWORD).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise StudyError(f"{file} cannot be read: {error}.", "Name a UTF-8 file.") from error
        if not text:
            raise StudyError(f"{file} holds no password.", "Write the password into line 1.")
        return text
    if os.environ.get(PASSWORD):
        return os.environ[PASSWORD]
    if sys.stdin.isatty():
        return getpass.getpass("Password of the researcher's page (empty: no such page): ")
    return ""


ACTIONS: dict[str, Callable[[Study, argparse.Namespace], None]] = {
    "serve": serve,
    "add": add,
    "list": lambda opened, args: show(args, board_table(opened)),
    "link": link,
    "delete": delete,
    "replay": replay,
    "report": report,
    "export": export,
    "codes": codes,
    "size": size,
}
