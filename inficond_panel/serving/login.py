"""The login: wrong passwords are answered slowly, forms have a token, it leads to own pages only.

Panel takes ``next=///host`` for a path of the server, and browsers take it for another host.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from panel import auth
from panel.auth import BasicLoginHandler
from tornado.web import HTTPError

from inficond_panel.serving.replace import stand_before

#: Seconds until a wrong password is answered.
PAUSE = 2.0
#: Wrong passwords of one address that wait for their answer; more are refused unread.
WAITING = 5

#: A path of this server: one slash, and not a second one nor a backslash, which begin the name of
#: a host, also behind characters that browsers leave out.
_OWN_PATH = re.compile(r"/(?![\x00-\x20]*[/\\])[!-\[\]-~]*")

_waiting: Counter[str] = Counter()


def guard_login() -> None:
    """Guard the login page, and where any login leads to."""
    stand_before(auth, "_validate_next_url", _own_path)
    stand_before(BasicLoginHandler, "get", _with_token)
    stand_before(BasicLoginHandler, "post", _slowly)


def take_password(args: argparse.Namespace) -> None:
    """Take ``--basic-auth`` from the environment as it is: Panel would make it lower case."""
    if not args.basic_auth:
        args.basic_auth = os.environ.pop("PANEL_BASIC_AUTH", None)


class _Form:
    """A template whose page carries the token against forged forms, where there is one."""

    def __init__(self, template: Any, token: str) -> None:
        self._template, self._token = template, token

    def render(self, **values: Any) -> str:
        """The page."""
        return str(self._template.render(xsrf=self._token, **values))


def _with_token(original: Callable[..., None], self: Any) -> None:
    token = self.xsrf_form_html() if self.settings.get("xsrf_cookies") else ""
    self._login_template = _Form(self._login_template, token)
    original(self)


def _own_path(original: Callable[..., str | None], asked: str | None) -> str | None:
    """The page that a login leads to; 400 for what is no path of this server."""
    if asked and not (_OWN_PATH.fullmatch(asked) and _OWN_PATH.match(unquote(asked))):
        raise HTTPError(400, reason="The login leads to pages of this server only")
    return original(asked)


async def _slowly(original: Callable[..., None], self: Any) -> None:
    """Answer a right password at once, a wrong one after a pause.

    An address with too many that wait is refused, so that many connections guess no faster. Others
    do not notice.
    """
    address = self.request.remote_ip
    if _waiting[address] >= WAITING:
        raise HTTPError(429, reason="Too many wrong passwords, wait a moment")
    given = [self.get_argument(name, "") for name in ("username", "password")]
    if not self._validate(*given):
        _waiting[address] += 1
        try:
            await asyncio.sleep(PAUSE)
        finally:
            _waiting.subtract([address])
            if not _waiting[address]:
                del _waiting[address]
    original(self)
