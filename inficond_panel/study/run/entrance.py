"""Entrance to a study: who the holder of a link is, and who may still come by the open link."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping

from inficond_panel.common import clock
from inficond_panel.errors import StudyError, StudyLinkError
from inficond_panel.study.run.records import Participant
from inficond_panel.study.run.study import Study
from inficond_panel.study.spec.study_spec import StudySpec

#: Ids that come with a link: those of panel providers have letters, digits and a few signs.
_ID = re.compile(r"[A-Za-z0-9_.:@-]{1,128}")
#: Actions before anything was said: nobody has begun who did no more.
_BEFORE = {"open", "enter"}


def enter(
    study: Study, token: str, ids: Mapping[str, str], own: str = ""
) -> tuple[Participant, str, Mapping[str, str]]:
    """The participant of a link, the token of a link that is new to them, and the ids recorded.

    A personal link is its holder's, whatever ids stand in the address. By the open link each id is
    a participant, and belongs to the browser that begins with it: its personal link is its key,
    which it shows as ``own`` when it comes again. Raises ``StudyLinkError`` for links and ids that
    are not known or not readable, an id that another browser has begun with, and when no more can
    come.
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
    """Query of the open link's address, with ``ID`` in place of each person's ids."""
    return "?" + "&".join(f"{name}=ID" for name in spec.participants.ids)


def _check_ids(study: Study, named: Mapping[str, str]) -> None:
    first = study.spec.participants.ids[0]
    if first not in named:
        problem = f"This link needs an id: ?{first}=... in its address."
    elif not all(map(_ID.fullmatch, named.values())):
        problem = "The id in the address of this page cannot be read."
    else:
        return
    raise StudyLinkError(problem, "Open the link just as you were given it.")


def _check_room(study: Study) -> None:
    """Refuse a new participant where the study has all, or where too many come at once."""
    section, people = study.spec.participants, study.log.participants()
    if len(people) >= section.most:
        raise StudyLinkError(
            "The study has all its participants.", "Return to where you came from."
        )
    minute = clock.before(60)
    if sum(who.created > minute for who in people) >= section.per_minute:
        raise StudyLinkError(
            "Many people begin at the moment.", "Wait a minute, then open the link again."
        )


def _holds(study: Study, token: str, who: Participant) -> bool:
    """True if a personal link belongs to ``who``."""
    with contextlib.suppress(StudyError):
        return study.log.find(token).number == who.number
    return False
