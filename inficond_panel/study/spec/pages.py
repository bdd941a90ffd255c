"""Sections of a study's spec for its pages: of text, of questions, of a check, and the last."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.framework.types import OneOf, Text, option
from inficond_panel.study.spec.questionnaires import QUESTIONNAIRES
from inficond_panel.study.spec.questions import Question
from inficond_panel.study.spec.skips import SkipIf

SKIPPED = "When this is skipped; never if left out."


class TextPage(Section):
    """Page of text."""

    title: Text = option(doc="Heading.")
    text: Text = option(doc="Markdown; pictures are files in the study's folder.")


class IntroductionPage(TextPage):
    """Page to read, which may be skipped."""

    skip_if: SkipIf | None = option(None, doc=SKIPPED)


class ConsentPage(TextPage):
    """First page, where a participant agrees to take part."""

    title: Text = option("Consent", doc="Heading.")
    agree: Text = option("I have read this and agree to take part", doc="Label of the checkbox.")


class QuestionPage(Section):
    """Page of questions: new questions, a published questionnaire, or both."""

    spared: ClassVar[dict[str, tuple[str, ...]]] = {"template": ("questions",)}

    title: Text | None = option(None, doc='Heading; if left out, the template\'s, or "Questions".')
    text: Text | None = option(None, doc="Markdown above the questions.")
    template: Annotated[str, OneOf(QUESTIONNAIRES)] | None = option(
        None,
        doc="Published questionnaire, which the report scores: seq (Single Ease Question), "
        "nasa_tlx (raw NASA-TLX), sus (System Usability Scale), ueq_s (short User Experience "
        "Questionnaire).",
    )
    questions: list[Question] = option(
        None,
        min_length=1,
        doc="The questions; may be left out with a template. A question with a `right` answer is "
        "an attention check, unless it is `scored`: every answer is taken, and the tables count "
        "the right ones.",
    )
    skip_if: SkipIf | None = option(None, doc=SKIPPED)

    @property
    def heading(self) -> str:
        """Heading of the page."""
        return self.title or (QUESTIONNAIRES[self.template].title if self.template else "Questions")

    @property
    def asked(self) -> list[Question]:
        """All questions of the page; questions of the template are first."""
        made = QUESTIONNAIRES[self.template].questions if self.template else []
        return [*made, *(self.questions or [])]


class CheckPage(QuestionPage):
    """Page of questions that a participant must answer correctly before the next step."""

    attempts: int | None = option(
        None,
        ge=1,
        doc="Number of attempts, after which the participant continues anyway and is flagged; if "
        "left out, until all answers are right.",
    )

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for each question without a right answer, and each scored one."""
        for question in self.asked:
            if not question.checks:
                remedy = "add the key right"
                yield "questions", f"{question.name_!r} has no right answer; {remedy}"
            if question.scored:
                told = "lets people go on if it is right, so that it is no result; leave scored out"
                yield "questions", f"{question.name_!r} {told}"


#: Name in braces in the link of ``Completion``: of an id, or ``code``.
ID_IN_LINK = re.compile(r"\{([^{}]*)\}")
CODE = "code"


class Completion(Section):
    """Return to the service that sent the participant, such as a panel provider."""

    url: Text | None = option(
        None,
        doc="Link on the last page, http or https; {pid} is replaced by the participant's id of "
        "this name, {code} by the code.",
    )
    code: Text | None = option(None, doc="Code on the last page, to copy.")
    seconds: int | None = option(
        None,
        ge=5,
        doc="Seconds after which the last page follows the link by itself; never if left out.",
    )

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for a link that is not http or https, or that names a code which is
        left out, for seconds without a link, and for a section with neither link nor code."""
        if self.url and not is_web(self.url):
            yield "url", f"expected a link with http:// or https://, got {self.url!r}"
        if self.url and not self.code and CODE in ID_IN_LINK.findall(self.url):
            yield "url", "{code} is empty without a code; add code, or leave {code} out"
        if not (self.url or self.code):
            yield "", "expected a url or a code"
        if self.seconds and not self.url:
            yield "seconds", "is used only with url; add url, or leave seconds out"


class EndPage(TextPage):
    """Last page of a study."""

    completion: Completion | None = option(
        None, doc="Link or code for participants of another service."
    )


def is_web(url: str) -> bool:
    """Return True if a text is the address of a web page, http or https."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and url.isprintable()
    except ValueError:
        return False
