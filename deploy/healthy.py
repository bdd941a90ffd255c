"""Exit with 0 if the server in this container is well: the HEALTHCHECK of the image.

Port, prefix and TLS are those of the command line of process 1.
"""

from __future__ import annotations

import argparse
import ssl
from collections.abc import Sequence
from pathlib import Path
from urllib.request import urlopen


def address(command: Sequence[str]) -> str:
    """Return the address of ``/health`` of a server with this command line."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--port", type=int, default=5006)
    parser.add_argument("--prefix", default="")
    parser.add_argument("--ssl-certfile")
    given, _ = parser.parse_known_args([word for word in command if word != "--"])
    scheme = "https" if given.ssl_certfile else "http"
    prefix = given.prefix.strip("/")
    return f"{scheme}://localhost:{given.port}{f'/{prefix}' if prefix else ''}/health"


if __name__ == "__main__":
    words = Path("/proc/1/cmdline").read_bytes().decode().split("\0")
    # the certificate names the host, not localhost
    urlopen(address(words), timeout=4, context=ssl._create_unverified_context())  # noqa: S310, S323
