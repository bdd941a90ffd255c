"""A server of S3's protocol for tests: moto, which ``make test-cloud`` installs."""

from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from ui_parts.server import free_port
from waiting import wait_until

#: What must never be written to a store, a history or a message.
SECRET = "a-secret-key-of-the-bucket"


def credentials(url: str) -> dict[str, str]:
    """Environment in which fsspec finds the server at ``url``."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
        "NO_PROXY": "localhost",
    }


@contextmanager
def s3_server(env: dict[str, str]) -> Iterator[str]:
    """Start a server; yield its address. Its objects end with it."""
    port = free_port()
    url = f"http://localhost:{port}"
    command = [sys.executable, "-m", "moto.server", "--port", str(port)]
    with subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL) as server:
        try:
            wait_until(lambda: _answers(url), "the S3 server answers")
            yield url
        finally:
            server.kill()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/moto-api/", timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
