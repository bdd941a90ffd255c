"""A TCP proxy whose connections can be cut, refused, or fall silent without being closed."""

from __future__ import annotations

import contextlib
import select
import socket
import threading


class Proxy:
    """Passes on what comes to ``port`` to another port of this machine; a thread a connection."""

    def __init__(self, to: int = 0) -> None:
        self.to = to
        self._refuses = False
        self._pairs: list[_Pair] = []
        self._listener = socket.create_server(("localhost", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def cut(self) -> None:
        """Close all connections, and every new one at once, until ``mend``."""
        self.refuse()
        for pair in self._pairs:
            pair.close()

    def refuse(self) -> None:
        """Close every new connection at once; those of now stay."""
        self._refuses = True

    def mend(self) -> None:
        """Pass on what new connections bring."""
        self._refuses = False

    def mute(self) -> None:
        """Let the websockets of now fall silent, none closed; new ones pass.

        Others are closed: a browser would take them again for what it asks next.
        """
        for pair in self._pairs:
            if pair.is_websocket:
                pair.muted = True
            else:
                pair.close()

    def unmute(self) -> None:
        """Go on with those that fell silent; nothing of them is lost."""
        for pair in self._pairs:
            pair.muted = False

    def reset(self) -> None:
        """Close all connections, and pass on what new ones bring."""
        self.cut()
        self._pairs.clear()
        self.mend()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                near, _ = self._listener.accept()
                if self._refuses:
                    near.close()
                    continue
                try:
                    far = socket.create_connection(("localhost", self.to))
                except OSError:
                    near.close()
                    continue
                pair = _Pair(near, far)
                self._pairs.append(pair)
                threading.Thread(target=pair.run, daemon=True).start()


class _Pair:
    """The two ends of a connection. While muted it takes nothing from either."""

    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        self._other = {near: far, far: near}
        self.muted = self.is_websocket = False

    def run(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # closed, here or there
            while all(self._pass_on(end) for end in self._ready()):
                pass
        self.close()

    def _ready(self) -> list[socket.socket]:
        ready = select.select(list(self._other), [], [], 0.1)[0]
        if self.muted:
            threading.Event().wait(0.05)
            return []
        return ready

    def _pass_on(self, end: socket.socket) -> bool:
        read = end.recv(65536)
        self.is_websocket |= b"Upgrade: websocket" in read
        self._other[end].sendall(read)
        return bool(read)

    def close(self) -> None:
        for end in self._other:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
