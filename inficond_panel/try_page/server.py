"""Server of a pocket's page for one machine or one network, from memory; it reads no file."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from inficond_panel.errors import InficondError, Remedy
from inficond_panel.try_page.page import INDEX, LICENCES

#: Port that is taken if it is free; else any.
USUAL_PORT = 5007
LOCAL, ALL = "127.0.0.1", "0.0.0.0"  # noqa: S104 - chosen by a flag alone
_TYPES = {INDEX: "text/html; charset=utf-8", LICENCES: "text/plain; charset=utf-8"}


class PageServer(ThreadingHTTPServer):
    """Server of ``files`` by name, at its root; it listens once it is made.

    Without a ``port`` it takes 5007 if that is free, else any. Raises ``InficondError`` for a port
    in use, and for an address that this machine has not.
    """

    daemon_threads = True
    allow_reuse_address = False  # else two servers could share a port

    def __init__(
        self, files: Mapping[str, bytes], port: int | None = None, address: str = LOCAL
    ) -> None:
        self.files = files
        try:
            super().__init__((address, USUAL_PORT if port is None else port), _Handler)
        except OSError as error:
            if port is not None or address not in (LOCAL, ALL):
                raise InficondError(
                    f"The page cannot be served at {address}:{port or USUAL_PORT}: "
                    f"{error.strerror or error}.",
                    "Choose another " + Remedy("--port or --address", "port or address") + ".",
                ) from error
            super().__init__((address, 0), _Handler)

    @property
    def url(self) -> str:
        """Address of the page in a browser: on another device if the server is open to it."""
        host, port = str(self.server_address[0]), self.server_address[1]
        return f"http://{_address_in_network() if host == ALL else host}:{port}/"


def _address_in_network() -> str:
    """Return this machine's address for others in its network; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # reserved for documents: only the route is looked up
        except OSError:
            return LOCAL
        return str(probe.getsockname()[0])


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    server_version, sys_version = "inficond", ""

    def do_GET(self) -> None:
        """Answer with a file."""
        self._answer(with_content=True)

    def do_HEAD(self) -> None:
        """Answer with a file's headers."""
        self._answer(with_content=False)

    def _answer(self, *, with_content: bool) -> None:
        name = self.path.partition("?")[0].removeprefix("/") or INDEX
        content = self.server.files.get(name)
        if content is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", _TYPES.get(name, "application/octet-stream"))
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-cache")  # a page that was made anew comes
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if with_content:
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Log nothing: a page that is served to try it tells who did."""
