"""Guards of the login: it slows guessing, and continues only to pages of this server.

Panel accepts ``next=///host`` as a path of the server, but browsers read it as another host. The
page itself is ``inficond_panel/commands/serve/login.html``.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote, urlencode

from panel import auth
from panel.auth import BasicLoginHandler, OAuthProvider
from panel.config import config
from panel.io.server import LoginUrlMixin
from tornado.web import HTTPError

from inficond_panel.common import upstream
from inficond_panel.common.logs import logger_of
from inficond_panel.errors import InficondError
from inficond_panel.serving.answers import one_line
from inficond_panel.serving.passwords import names_file, read_passwords

#: Seconds before the answer to a wrong password.
PAUSE = 2.0
#: Most wrong passwords per address that wait for an answer; further attempts are not read.
WAITING = 5

#: A path of this server, or a path relative to the login: one slash, not followed by a slash or
#: backslash, which would begin a host name, even after characters that browsers ignore.
_OWN_PATH = re.compile(r"\.?/(?![\x00-\x20]*[/\\])[!-\[\]-~]*")

_log = logger_of(__name__)
_waiting: Counter[str] = Counter()


def guard_login() -> None:
    """Install the guards of the login page and of the redirects to and from it."""
    upstream.stand_before(upstream.BEHIND_PROXY, LoginUrlMixin, "get_login_url", _with_page)
    upstream.stand_before(upstream.OTHER_HOST, auth, "_validate_next_url", _own_path)
    upstream.stand_before(upstream.BEHIND_PROXY, BasicLoginHandler, "redirect", _beside_login)
    upstream.stand_before(upstream.TOKEN, BasicLoginHandler, "get", _with_token)
    upstream.stand_before(upstream.GUESSING, BasicLoginHandler, "post", _slowly)
    upstream.stand_before(upstream.MISSING_FILE, BasicLoginHandler, "_validate", _is_right)


def _with_token(original: Callable[..., None], self: Any) -> None:
    """Answer with the login page, whose form gets the XSRF token."""
    token = self.xsrf_form_html() if self.settings.get("xsrf_cookies") else ""
    self._login_template = SimpleNamespace(render=partial(self._login_template.render, xsrf=token))
    original(self)


def _own_path(original: Callable[..., str | None], target: str | None) -> str | None:
    """Return the path to open after a login; answer 400 if it is not a path of this server."""
    if target and not (_OWN_PATH.fullmatch(target) and _OWN_PATH.match(unquote(target))):
        raise HTTPError(400, reason="A login can only continue to a page of this server")
    return target if target and target.startswith(".") else original(target)


def _with_page(original: Callable[..., str], self: Any) -> str:
    """Return the address of the login, with the requested page relative to it, since a proxy may
    have removed the beginning of the path."""
    url = original(self)
    if isinstance(self.application.auth_provider, OAuthProvider):  # it comes back to another path
        return url
    page = "." + self.request.uri.removeprefix(self.application.prefix)
    folders = self.request.path.removeprefix(self.application.prefix).count("/") - 1
    if url.startswith("./") and folders > 0:  # /app/ is a folder for a browser
        url = "../" * folders + url.removeprefix("./")
    return f"{url}?{urlencode({'next': page})}"


def _beside_login(original: Callable[..., None], self: Any, url: str, **kwargs: Any) -> None:
    """Redirect from the login; to the start page and back to the login by a relative path."""
    if url == "/":
        url = "./"
    elif url.startswith(self.request.uri):
        url = f".{url.removeprefix(self.application.prefix)}"
    original(self, url, **kwargs)


async def _slowly(original: Callable[..., None], self: Any) -> None:
    """Answer a correct password at once, and a wrong password after ``PAUSE`` seconds.

    An address with ``WAITING`` unanswered wrong passwords is refused, so that many connections do
    not guess faster. Other addresses are not affected.
    """
    if not self.get_argument("username", ""):  # Panel would log in nobody, without a word
        error = {"error": "Enter a name: the history records it."}
        self.redirect(f"{self.request.uri}?{urlencode(error)}")
        return
    address = self.request.remote_ip
    if _waiting[address] >= WAITING:
        raise HTTPError(429, reason="Too many wrong passwords, wait a moment")
    credentials = [self.get_argument(name, "") for name in ("username", "password")]
    if not self._validate(*credentials):
        _waiting[address] += 1
        try:
            await asyncio.sleep(PAUSE)
        finally:
            _waiting.subtract([address])
            if not _waiting[address]:
                del _waiting[address]
    original(self)


def _is_right(original: Callable[..., bool], self: Any, name: str, password: str) -> bool:
    """Return True if a password is right; a file of passwords is read at each login, and nobody's
    password is right while it cannot be read."""
    if not names_file(config.basic_auth):
        return original(self, name, password)
    try:
        return read_passwords(config.basic_auth).get(name) == password
    except InficondError as error:
        _log.error("Nobody can log in: %s", one_line(error.message))
        return False
