"""Sections of a study's spec: pages of text, of questions, of a check, and the last one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.framework.types import OneOf, Text, option
from inficond_panel.study.spec.questions import Question
from inficond_panel.study.spec.templates import TEMPLATES


class TextPage(Section):
    """A page of text."""

    title: Text = option(doc="Heading.")
    text: Text = option(doc="Markdown; a picture is a file beside the study.")


class ConsentPage(TextPage):
    """The page that a participant agrees to before anything else."""

    title: Text = option("Consent", doc="Heading.")
    agree: Text = option(
        "I have read this and agree to take part", doc="Words beside the box to tick."
    )


class QuestionPage(Section):
    """A page of questions: one's own, those of a published questionnaire, or both."""

    spared: ClassVar[dict[str, tuple[str, ...]]] = {"template": ("questions",)}

    title: Text | None = option(None, doc='Heading; the template\'s, or "Questions", if left out.')
    text: Text | None = option(None, doc="Markdown above the questions.")
    template: Annotated[str, OneOf(TEMPLATES)] | None = option(
        None,
        doc="Questions of a published questionnaire, which the report scores: seq (Single Ease "
        "Question), nasa_tlx (raw NASA-TLX), sus (System Usability Scale).",
    )
    questions: list[Question] = option(None, min_length=1, doc="The questions.")

    @property
    def heading(self) -> str:
        """Heading that is shown."""
        return self.title or (TEMPLATES[self.template].title if self.template else "Questions")

    @property
    def asked(self) -> list[Question]:
        """All questions, those of the template first."""
        made = TEMPLATES[self.template].questions() if self.template else []
        return [*made, *(self.questions or [])]


class CheckPage(QuestionPage):
    """A page of questions that are to be answered right before a participant goes on."""

    attempts: int | None = option(
        None,
        ge=1,
        doc="Attempts after which one goes on all the same, and is flagged; until all is right if "
        "left out.",
    )

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield questions without a right answer."""
        for question in self.asked:
            if not question.checks:
                yield "questions", f"{question.name_!r} has no right answer; give it one: right"


class Completion(Section):
    """Way back to the service that sent the participant, such as a panel provider."""

    url: Text | None = option(
        None,
        doc="Link on the last page, http or https; {pid} in it is the id that came in.",
    )
    code: Text | None = option(None, doc="Code on the last page, to be copied.")

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield a link of another kind, and neither link nor code."""
        if self.url and not is_web(self.url):
            yield "url", f"expected a link with http:// or https://, got {self.url!r}"
        if not (self.url or self.code):
            yield "", "expected a url or a code"


class EndPage(TextPage):
    """The last page."""

    completion: Completion | None = option(None, doc="Link or code for who was sent here.")


def is_web(url: str) -> bool:
    """True if a text is a link to a page of the web, and to nothing else."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and url.isprintable()
    except ValueError:
        return False
