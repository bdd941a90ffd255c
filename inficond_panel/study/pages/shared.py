"""Objects that all sessions of one server share."""

from __future__ import annotations

import logging

from inficond_panel.common.cache import once
from inficond_panel.study.run.study import Study, open_study


@once(1)
def shared_study(name: str, data: str) -> Study:
    """The study, opened and prepared once per process. No address of a visitor is logged."""
    logging.getLogger("tornado.access").disabled = True
    study = open_study(name, data)
    study.prepare()
    return study
