"""What the login is set up with: a password for all or a file of names and passwords, and a secret.

Panel takes a path without a file as everybody's password, an empty variable as no login, and a
login without a secret for its cookies as an error on each page. All are refused before the start.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from inficond_panel.errors import InficondError

#: Beginnings of variables of the login and of sessions; Panel and Bokeh take empty ones as not set.
_VARIABLES = (
    *("PANEL_BASIC_AUTH", "PANEL_COOKIE_", "PANEL_OAUTH_"),
    *("BOKEH_COOKIE_SECRET", "BOKEH_SECRET_KEY"),
)
_FORM = 'Write a JSON object into it, such as {"ada": "her password", "bob": "his password"}.'


def take_password(args: argparse.Namespace) -> None:
    """Set ``args.basic_auth`` to a password, or to the absolute path of a file of passwords.

    By default it comes from the variable ``PANEL_BASIC_AUTH``, which Panel would change to lower
    case (``upstream.LOWER_CASE``). Raises ``InficondError`` for empty flags and variables, for a
    file that ``read_passwords`` refuses, and for a login without a secret for its cookies.
    """
    _refuse_empty(args)
    if args.basic_auth is None:
        args.basic_auth = os.environ.pop("PANEL_BASIC_AUTH", None)
    if args.basic_auth is None:
        return
    if names_file(args.basic_auth):
        read_passwords(args.basic_auth)
        args.basic_auth = str(Path(args.basic_auth).absolute())
    if not (args.cookie_secret or {"PANEL_COOKIE_SECRET", "BOKEH_COOKIE_SECRET"} & {*os.environ}):
        raise InficondError(
            "A login (--basic-auth) needs a secret, which signs its cookies.",
            "Make one with: bokeh secret. Set the variable PANEL_COOKIE_SECRET to it.",
        )


def _refuse_empty(args: argparse.Namespace) -> None:
    flags = {"--basic-auth": args.basic_auth, "--cookie-secret": args.cookie_secret}
    given = {name: value for name, value in os.environ.items() if name.startswith(_VARIABLES)}
    for name, value in (*flags.items(), *given.items()):
        if value is not None and not value.strip():
            kind = "flag" if name in flags else "variable"
            raise InficondError(
                f"The {kind} {name} is set, but empty.", f"Give {name} a value, or leave it out."
            )


def names_file(password: object) -> bool:
    """Return True if a value of ``--basic-auth`` names a file: it ends in .json, has a slash, or
    such a file exists."""
    if not isinstance(password, str):  # other apps may have names and passwords as a dict
        return False
    separators = filter(None, (os.sep, os.altsep))
    looks_so = password.endswith(".json") or any(sign in password for sign in separators)
    return looks_so or Path(password).is_file()


def read_passwords(file: str) -> dict[str, str]:
    """Return the passwords in a JSON file, by name. Raises ``InficondError`` for a file that cannot
    be read, or that is no object with names and passwords; none of these may be empty."""
    shown = file if file.endswith(".json") else "named by --basic-auth"  # it may be a password
    try:
        passwords = json.loads(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise InficondError(
            f"The file of passwords {shown} cannot be read: {error.strerror}.",
            "Correct the path. A password for all may have no slash, and not end in .json.",
        ) from error
    except ValueError as error:  # its text would have a part of the file
        place = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise InficondError(f"The file of passwords {shown} is not JSON{place}.", _FORM) from None
    if not (isinstance(passwords, dict) and passwords):
        raise InficondError(f"The file of passwords {shown} has no names.", _FORM)
    for name, password in passwords.items():
        if not (name.strip() and isinstance(password, str) and password):
            fact = f"of {name!r} is no text, or empty" if name.strip() else "has an empty name"
            raise InficondError(f"In the file of passwords {shown} a password {fact}.", _FORM)
    return passwords
