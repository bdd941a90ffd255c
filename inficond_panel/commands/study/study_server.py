"""``inficond study serve``: the pages of participants and researcher."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from pathlib import Path

from inficond_panel.commands.shared.output import say
from inficond_panel.errors import StudyError
from inficond_panel.study.run.study import Study

#: Most characters of a password.
_PASSWORD = 1000
PASSWORD = "INFICOND_STUDY_PASSWORD"  # noqa: S105 - the name of a variable


def serve(opened: Study, args: argparse.Namespace) -> None:
    """Serve the pages until stopped."""
    from inficond_panel.commands.serve.server import (
        announce,
        run_server,
    )
    from inficond_panel.study.pages import PAGES

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
