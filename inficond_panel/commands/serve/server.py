"""``inficond serve``: ``panel serve`` with our guards, templates, port and processes."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from bokeh.server.server import Server
from panel.command.serve import Serve

import inficond_panel
from inficond_panel.commands.shared.output import note, progress
from inficond_panel.commands.shared.parser import HISTORY_HELP, SPEC
from inficond_panel.common.database import IN_MEMORY, is_path
from inficond_panel.common.logs import TEXT, in_one_line, log_as_json, logger_of
from inficond_panel.common.places import is_remote
from inficond_panel.errors import HistoryError, InficondError, StoreError
from inficond_panel.plots.cloud import load_datashader
from inficond_panel.serving import guard, health, plugin
from inficond_panel.serving.passwords import take_password
from inficond_panel.serving.sessions import sign_sessions
from inficond_panel.tuning import open_tuner, shared_tuner
from inficond_panel.ui import upstream
from inficond_panel.ui.threads import check_threads, threads_error
from inficond_panel.vocabulary.splits import TUNE

DESCRIPTION = "Accepts the flags of panel serve."
EXAMPLE = "inficond serve photos.yaml --port 5007 --show"
APP = Path(inficond_panel.__file__).with_name("app.py")
#: Our templates: Panel's templates load pictures, fonts and style sheets from other servers.
LOGIN, LOGOUT, INDEX = (
    Path(__file__).with_name(f"{page}.html") for page in ("login", "logout", "index")
)
PORT = 5006
_log = logger_of(__name__)
LOCAL = "127.0.0.1"
#: Help of flags whose defaults differ from Panel's.
_HELP = {
    "websocket_max_message_size": "Largest part of a message from a page (default: 1 MB)",
    "websocket_compression_level": "Compression of messages to pages, 0 (none) to 9 (default: 6)",
    "session_ids": "One of: unsigned, signed (default) or external-signed",
    "port": f"Port to listen on (default: {PORT}, or any that is free)",
    "log_format": "Python's format of log lines, or json: a line of JSON for each (default: time, "
    "level, logger and message)",
    "address": f"Address to listen on (default: {LOCAL}, only this machine); 0.0.0.0: all",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``inficond serve`` to its parser."""
    parser.add_argument("specs", nargs="+", metavar="SPEC", help=SPEC)
    parser.add_argument("--history", metavar="FILE", help=HISTORY_HELP)
    add_server_arguments(parser, "[-h] [--history FILE] SPEC [SPEC ...]")


def run(args: argparse.Namespace) -> None:
    """Serve the page for one or more specs."""
    check_threads()
    set_history(args.history)
    if args.port and not args.unix_socket:
        args.port = free_port(args.port, args.address)
    for at, spec in enumerate(args.specs, start=1):
        note(f"Checking {spec} ({at} of {len(args.specs)})")
        check_spec(spec, args.num_procs)
    serve_app(args, args.specs)


class _Serve(Serve):
    """``panel serve`` for our app only: its arguments are specs, not files.

    It runs only on Tornado's server, which our guards wrap (Panel 1.10 supports other servers), and
    without Panel's thread pool. Each process imports slow packages before its first page.
    """

    args: ClassVar = tuple(
        arg for arg in Serve.args if arg[0] not in {"files", "--args", "--server", "--num-threads"}
    )

    def customize_server(self, server: Server) -> Server:
        """Measure requests, and start the import of slow packages; Panel calls this in each process
        once it listens."""
        health.measure(server._tornado)
        server.io_loop.add_callback(threading.Thread(target=load_ahead, daemon=True).start)
        return super().customize_server(server)


def load_ahead() -> None:
    """Import slow packages that the first page needs: datashader (map), scipy.stats (suspects).

    A server that is stopped meanwhile ends without a word of it: Python then refuses to import
    packages that register what they do at the end.
    """
    try:
        load_datashader()
        import scipy.stats  # noqa: F401 - takes a second
    except RuntimeError as error:
        if "shutdown" not in str(error):
            raise


def add_server_arguments(parser: argparse.ArgumentParser, own: str) -> None:
    """Add the flags of ``panel serve``; the usage shows ``own`` and one word for the flags."""
    parser.usage = f"%(prog)s {own} [FLAG OF PANEL SERVE ...]"
    flags = parser.add_argument_group("flags of panel serve")
    # Serve only adds arguments to its parser.
    parser.set_defaults(panel_serve=_Serve(parser=flags))  # type: ignore[arg-type]
    for action in flags._group_actions:
        action.help = _HELP.get(action.dest, action.help)
    parser.set_defaults(log_format=TEXT)
    flags.add_argument("--num-threads", action=_Threads, help=argparse.SUPPRESS)


class _Threads(argparse.Action):
    """The flag ``--num-threads`` of Panel, which is refused: a page needs the event loop."""

    def __call__(
        self, parser: argparse.ArgumentParser, _: object, number: object, *flag: Any
    ) -> None:
        error = threads_error(number)
        parser.error(f"--num-threads: {error.message} {error.remedy}")


def announce(args: argparse.Namespace, page: str, tell: Callable[[str], None]) -> None:
    """Choose the port; call ``tell`` with the address of ``page`` once that address responds."""
    args.port = free_port(args.port, args.address)
    host = "localhost" if args.address in {None, "", "0.0.0.0"} else args.address  # noqa: S104
    prefix = (args.prefix or "").strip("/")
    url = "/".join(filter(None, [f"http://{host}:{args.port}", prefix, page]))
    threading.Thread(target=_tell_when_there, args=(url, tell), daemon=True).start()


def set_history(history: str | None) -> None:
    """Pass the place of the history to the app by the environment, also to forked processes."""
    if history:
        os.environ["INFICOND_HISTORY"] = (
            str(Path(history).absolute()) if is_path(history) else history
        )


def check_spec(spec: str, processes: int = 1, *, distill: bool = False) -> None:
    """Open spec, store and history once, so that their errors are raised before a page opens.

    All arrays of a store on disk are read and checked; at an address only those that are needed.
    With ``distill`` the original students are distilled as well. Raises ``InficondError`` for a
    history in memory and several server ``processes``, which could not share it.
    """
    tuner = open_tuner(spec)
    if processes != 1 and tuner.history.path == IN_MEMORY:
        raise InficondError(
            f"A history in memory ({IN_MEMORY}) belongs to one process, and --num-procs is "
            f"{processes}.",
            "Name a file with --history, or leave --num-procs out.",
        )
    if not is_remote(tuner.store.path):
        tuner.store.verify()
    if distill:
        tuner.root(progress=progress)
    else:
        tuner.nodes()
    tuner.history.close()


def serve_app(args: argparse.Namespace, specs: list[str]) -> None:
    """Serve the page for the specs until it is stopped."""
    import inficond_panel.app  # noqa: F401 - once, here rather than in the first session

    health.watch([partial(fault_of, spec) for spec in specs])
    run_server(args, [APP], specs)


def fault_of(spec: str) -> str:
    """Return "" if spec, store and history can be read, as a new page needs them; else which of
    them cannot. The log has the reason."""
    try:
        shared_tuner(spec).looks(TUNE)
    except (InficondError, OSError) as error:
        _log.error("No page of %s can be opened: %s", spec, in_one_line(error))
        kinds = {HistoryError: "history", StoreError: "store"}
        return next((word for kind, word in kinds.items() if isinstance(error, kind)), "spec")
    return ""


def run_server(args: argparse.Namespace, files: Sequence[Path], arguments: Sequence[str]) -> None:
    """Run ``panel serve`` on the pages ``files`` with our guards, until it is stopped."""
    check_threads()
    guard()
    upstream.apply()
    if args.address is None and not args.unix_socket:
        args.address = LOCAL  # photos and history are for other machines only if somebody says so
    sign_sessions(args)
    take_password(args)
    keep_cookies_below(args)
    if args.num_procs != 1:
        check_processes()
        end_with_this_process()
    args.basic_login_template = args.basic_login_template or str(LOGIN)
    args.logout_template = args.logout_template or str(LOGOUT)
    args.index = args.index or str(INDEX)
    if args.websocket_compression_level is None:
        args.websocket_compression_level = 6
    args.plugins = [*(args.plugins or []), plugin.__name__]
    if args.log_format == "json":
        log_as_json(args.log_file)
    args.files, args.args = [str(file) for file in files], list(arguments)
    try:
        args.panel_serve.invoke(args)
    except (OSError, ValueError, RuntimeError) as error:
        raise InficondError(
            f"The server cannot start: {error}", "See: inficond serve --help"
        ) from error


def keep_cookies_below(args: argparse.Namespace) -> None:
    """Set ``args.cookie_path`` to the prefix, unless it is set: other servers of the host neither
    get the cookies of the login, nor replace them by their own."""
    if args.prefix and not args.cookie_path and "PANEL_COOKIE_PATH" not in os.environ:
        args.cookie_path = "/" + args.prefix.strip("/")


def check_processes() -> None:
    """Raise ``InficondError`` if this system cannot run several server processes."""
    if not hasattr(os, "fork"):
        raise InficondError(
            "Several processes (--num-procs) need fork, which this system, Windows, does not have.",
            "Leave --num-procs out, or serve from WSL.",
        )


def free_port(port: int | None, address: str | None) -> int:
    """Return ``port`` if it is set, else 5006 if that is free, else any free port."""
    if port is not None:
        if not 0 <= port < 2**16:
            raise InficondError(f"There is no port {port}.", "Choose a port from 1 to 65535.")
        if port and not _is_free(port, address):
            raise InficondError(f"Port {port} is in use.", "Choose another port with --port.")
        return port or _any_port(address)
    if _is_free(PORT, address):
        return PORT
    note(f"Port {PORT} is in use; another port is taken.")
    return _any_port(address)


def _is_free(port: int, address: str | None) -> bool:
    with socket.socket() as probe:
        if sys.platform != "win32":  # on Windows it would allow a port in use
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address or "", port))
        except OSError:
            return False
    return True


def _any_port(address: str | None) -> int:
    with socket.socket() as probe:
        probe.bind((address or "", 0))
        return int(probe.getsockname()[1])


def _tell_when_there(url: str, tell: Callable[[str], None]) -> None:
    while True:
        with suppress(OSError), urllib.request.urlopen(url, timeout=60) as reply:  # noqa: S310
            if reply.status == 200:
                break
        time.sleep(0.2)
    tell(url)


def end_with_this_process() -> None:
    """Make processes that are forked later stop when this process ends, for any reason.

    Each waits for the end of a pipe that only this process holds open (``upstream.WORKERS``).
    """
    parent = os.getpid()
    reader, writer = os.pipe()

    def stop_after() -> None:
        os.read(reader, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    def watch() -> None:
        if os.getppid() == parent:
            os.close(writer)
            threading.Thread(target=stop_after, daemon=True).start()

    os.register_at_fork(after_in_child=watch)
