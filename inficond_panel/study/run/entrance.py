"""Entrance to a study: find the participant of a link, or add one who comes by the open link."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping

from inficond_panel.common import clock
from inficond_panel.errors import StudyError, StudyLinkError
from inficond_panel.study.run.records import Participant
from inficond_panel.study.run.study import Study
from inficond_panel.study.spec.study_spec import StudySpec

#: Ids in a link: ids of panel providers have letters, digits and a few signs.
_ID = re.compile(r"[A-Za-z0-9_.:@-]{1,128}")
#: Actions before a participant does anything: who has no others has not begun.
_BEFORE = {"open", "enter"}


def enter(
    study: Study, token: str, ids: Mapping[str, str], own: str = ""
) -> tuple[Participant, str, Mapping[str, str]]:
    """Return (participant of the link, token of a new personal link or "", ids to record).

    ``token`` is the link's, ``ids`` are those in the address. A personal link belongs to one
    participant; ids are then ignored. On the open link each id is a participant, and belongs to the
    browser that began with this id: this browser stores the personal link, and passes its token as
    ``own`` when it returns. Raises ``StudyLinkError`` for unknown links, for ids that are invalid
    or that another browser has begun with, and if no further participant can come.
    """
    if not study.log.is_open_link(token):
        return study.log.find(token), "", {}
    named = {name: ids[name] for name in study.spec.participants.ids if ids.get(name)}
    _check_ids(study, named)
    person = named[study.spec.participants.ids[0]]
    known = study.log.by_external_id(study.spec.participants.ids[0], person)
    if known is None:
        _check_room(study)
        return *study.add_participant(), named
    if own and _holds(study, own, known):
        return known, "", {}
    if all(event.action in _BEFORE for event in study.log.events(known.number)):
        return known, study.log.new_token(known.number), {}
    raise StudyLinkError(
        "The study was begun with this id in another browser.",
        "Continue there, or ask the researcher for a link to continue here.",
    )


def open_query(spec: StudySpec) -> str:
    """Return the query of the open link's address, ``?pid=ID``; ``ID`` stands for a person's id."""
    return "?" + "&".join(f"{name}=ID" for name in spec.participants.ids)


def _check_ids(study: Study, named: Mapping[str, str]) -> None:
    first = study.spec.participants.ids[0]
    if first not in named:
        problem = f"This link needs an id: ?{first}=... in its address."
    elif not all(map(_ID.fullmatch, named.values())):
        problem = "The id in the address of this page is not valid."
    else:
        return
    raise StudyLinkError(problem, "Open the link exactly as you received it.")


def _check_room(study: Study) -> None:
    """Raise ``StudyLinkError`` if the study is full, or if too many participants begin at once."""
    section, people = study.spec.participants, study.log.participants()
    if len(people) >= section.most:
        raise StudyLinkError(
            "The study has all its participants.", "Return to the page that you came from."
        )
    minute = clock.before(60)
    if sum(who.created > minute for who in people) >= section.per_minute:
        raise StudyLinkError(
            "Many people begin at the moment.", "Wait a minute, then open the link again."
        )


def _holds(study: Study, token: str, who: Participant) -> bool:
    """Return True if ``token`` is the personal link of ``who``."""
    with contextlib.suppress(StudyError):
        return study.log.find(token).number == who.number
    return False
