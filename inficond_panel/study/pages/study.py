"""Page ``/study``, which ``panel serve`` runs for each participant.

Imports are absolute, since ``panel serve`` runs this file outside its package.
"""

from __future__ import annotations

import sys

import panel as pn
from bokeh.document import Document

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
    document = pn.state.curdoc
    pn.state.add_periodic_callback(lambda: beat(page, document), period=HEARTBEAT)
    # no Location model, which would keep the token of the link
    page.servable(title=page.study.spec.title, location=False)
    page.connection.servable(location=False)


def beat(page: ParticipantPage, document: Document | None) -> None:
    """Record the page as open if a browser shows it. The session outlives a closed page by up to
    half a minute, in which the participant does not work."""
    session = getattr(document and document.session_context, "session", None)
    if session is not None and session.connection_count:
        page.beat()


if pn.state.served:
    guard()
    serve_page(sys.argv[1:])
