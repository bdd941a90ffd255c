"""Files that go to the browser, which saves them."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING

from inficond_panel.state import Job

if TYPE_CHECKING:
    from panel.custom import JSComponent

    from inficond_panel.common.saved_file import File
    from inficond_panel.state import AppState


def send_file(component: JSComponent, file: File) -> None:
    """Send a file; a component whose module has ``save_file.js`` saves it."""
    content = base64.b64encode(file.content).decode("ascii")
    component._send_msg({"save": {"name": file.name, "content": content}})


def make_and_send(app: AppState, component: JSComponent, make: Callable[[], File]) -> None:
    """Make a file on the session's worker, and send it; ``TuningError`` where none may leave."""
    app.rights.require("export")

    def done(file: File) -> None:
        send_file(component, file)

    app.jobs.submit(Job(f"file of {component.name}", lambda _: make(), done, app.tuning.tell))
