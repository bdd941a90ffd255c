"""Page ``/researcher`` with progress of participants, links and deletion, behind a password.

Imports are absolute, since ``panel serve`` runs this file outside its package.
"""

from __future__ import annotations

import sys

import panel as pn

from inficond_panel.serving import guard
from inficond_panel.study.pages.board import BoardPage
from inficond_panel.study.run.study import shared_study
from inficond_panel.ui import upstream
from inficond_panel.ui.browser import use_own_files
from inficond_panel.ui.component import Connection

#: Interval between updates of the page, in milliseconds.
PERIOD = 2000
AFTER = (
    "Enter the password again. A link that was on the screen is not shown twice: make a new one if "
    "you have not copied it."
)


def serve_page(arguments: list[str]) -> None:
    """Serve the researcher's page to this session; ``arguments`` are study and data folder."""
    upstream.apply()
    pn.extension(sizing_mode="stretch_width")
    use_own_files()
    page = BoardPage(shared_study(*arguments))
    pn.state.on_session_destroyed(lambda _: page.close())
    pn.state.add_periodic_callback(page.look, period=PERIOD)
    page.servable(title=f"Researcher: {page.study.spec.title}")
    Connection(after=AFTER).servable()


if pn.state.served:
    guard()
    serve_page(sys.argv[1:])
