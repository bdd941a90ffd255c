"""Page ``/study``, which ``panel serve`` runs for each participant.

Imports are absolute, since ``panel serve`` runs this file outside its package.
"""

from __future__ import annotations

import sys

import panel as pn

from inficond_panel.serving import guard
from inficond_panel.study.pages.participant import ParticipantPage
from inficond_panel.study.run.study import shared_study
from inficond_panel.ui import upstream
from inficond_panel.ui.browser import use_own_files

#: Interval in milliseconds at which an open page is recorded as open.
HEARTBEAT = 2000


def serve_page(arguments: list[str]) -> None:
    """Serve a participant's page to this session; ``arguments`` are study and data folder."""
    upstream.apply()
    pn.extension(sizing_mode="stretch_width")
    use_own_files()
    page = ParticipantPage(shared_study(*arguments))
    pn.state.on_session_destroyed(lambda _: page.close())
    pn.state.add_periodic_callback(page.beat, period=HEARTBEAT)
    # no Location model, which would keep the token of the link
    page.servable(title=page.study.spec.title, location=False)
    page.connection.servable(location=False)


if pn.state.served:
    guard()
    serve_page(sys.argv[1:])
