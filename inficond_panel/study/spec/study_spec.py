"""Spec of a study: one YAML file, read into a validated model, with tasks, texts and pictures."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal

from markdown_it import MarkdownIt
from markdown_it.token import Token
from pydantic import Field
from ruamel.yaml.nodes import MappingNode, ScalarNode

from inficond_panel.common.files import PICTURE_BYTES, read_bytes
from inficond_panel.common.places import is_remote
from inficond_panel.errors import SpecError, StudyError
from inficond_panel.spec import find_spec
from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.framework.section_file import SpecFile, load_file
from inficond_panel.spec.framework.types import AnyPath, Phrase, Some, Text, option
from inficond_panel.spec.framework.yaml_source import compose, text_of
from inficond_panel.spec.spec import no_such_spec
from inficond_panel.study.spec.conditions import Conditions, Level, shared_level, twice
from inficond_panel.study.spec.pages import (
    CODE,
    ID_IN_LINK,
    CheckPage,
    ConsentPage,
    EndPage,
    IntroductionPage,
    QuestionPage,
)
from inficond_panel.study.spec.plan_faults import (
    Rule,
    block_faults,
    group_rules,
    page_faults,
    page_rules,
    skip_faults,
)
from inficond_panel.study.spec.questions import Question
from inficond_panel.study.spec.task_sections import Block, Task


class Window(Section):
    """Least size of a participant's window, in CSS pixels. In a smaller one the page asks to
    enlarge it, and cannot be used."""

    width: int = option(0, ge=0, doc="Least width.")
    height: int = option(0, ge=0, doc="Least height.")


_MAGIC = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
}


def parse(text: str) -> list[Token]:
    """Return the tokens of a Markdown text; HTML in the text is not parsed."""
    return MarkdownIt("commonmark", {"html": False}).enable("table").parse(text)


def picture_uri(source: str, folder: Path) -> str:
    """Return the picture at path ``source`` in ``folder`` as a data URI; raise ``StudyError`` if it
    cannot be shown."""
    try:
        file = (folder / source).resolve()
        inside = file.is_relative_to(folder.resolve()) and file.is_file()
        status = file.stat() if inside else None
    except (OSError, ValueError):  # not a valid file name
        status = None
    if status is None:
        raise StudyError(f"There is no picture {source!r} in the folder of the study.")
    try:
        return _data_uri(file, status.st_mtime_ns, status.st_size)
    except OSError as error:
        raise StudyError(f"The picture {source!r} cannot be read: {error}.") from error


@lru_cache(32)
def _data_uri(file: Path, _changed: int, _size: int) -> str:
    """Return a picture file as a data URI, cached until the file changes."""
    content = read_bytes(file, PICTURE_BYTES)
    kind = _kind(content)
    if not kind:
        raise StudyError(f"{file.name!r} is not a PNG, JPEG, GIF, WebP or SVG.")
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _kind(content: bytes) -> str:
    """Return the media type of a picture by its content, not by its name; "" if unknown."""
    for kind, begins in _MAGIC.items():
        if content.startswith(begins):
            return kind
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    begin = content[:1000].lstrip(b"\xef\xbb\xbf \t\r\n")
    return "image/svg+xml" if begin.startswith(b"<") and b"<svg" in begin else ""


#: Type of the name of an id in the address of a link.
IdName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,39}$"),
    Phrase("a name of up to 40 letters, digits, - and _"),
]


#: Word in the address of a link that shows the study and records nothing.
PREVIEW = "preview"


class Arrivals(Section):
    """Participants who come by the open link, for example from a recruiting service."""

    ids: Some[IdName] = option(
        ["pid"],
        doc="Names of ids in the link, as ?pid=... The first id is the person's; all are recorded.",
    )
    most: int = option(
        1000,
        ge=1,
        doc="Largest number of participants; others are refused. Who declined, left before they "
        "did anything, or is away for longer than `gone_after` does not count.",
    )
    per_minute: int = option(30, ge=1, doc="Most new participants by the open link per minute.")
    gone_after: float | None = option(
        None,
        gt=0,
        doc="Minutes without an open page after which the next participant gets the slot of an "
        "unfinished participant; never if left out.",
    )

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for an id with the name that previews have in a link."""
        if PREVIEW in self.ids:
            yield "ids", f"{PREVIEW!r} in a link asks for a preview; name the id differently"

    @property
    def query(self) -> str:
        """Query of the open link's address, ``?pid={{%pid%}}``: Prolific writes a person's id in
        place of ``{{%pid%}}``. No id has such signs, so that the link as it stands is refused."""
        return "?" + "&".join(f"{name}={{{{%{name}%}}}}" for name in self.ids)


_START = "a study starts with 'title: ...'"


class StudySpec(SpecFile):
    """Study, from consent to the last page."""

    remedy = "`inficond check STUDY` checks a study; `inficond docs study-spec` has every key."

    title: Text = option(doc="Name of the study, for participants and report.")
    spec: Text = option(
        "demo", doc="Spec of the app for tasks without their own: a file, or a name such as demo."
    )
    data: AnyPath = option(
        None, doc="Data folder of the study; if left out, next to the study, with its name."
    )
    participants: Arrivals = option(
        default_factory=Arrivals, doc="Limits for participants by the open link."
    )
    window: Window = option(default_factory=Window, doc="Least size of a participant's window.")
    consent: ConsentPage | None = option(None, doc="Consent page; no consent if left out.")
    introduction: list[IntroductionPage] = option([], doc="Pages to read.")
    comprehension: CheckPage | None = option(
        None, doc="Questions about the introduction, to be answered right."
    )
    form: list[Question] = option([], doc="Questions about the person, such as experience.")
    training: Task | None = option(
        None,
        doc="Task for practice before the others; not counted. With design: within it has what all "
        "conditions have in common.",
    )
    tasks: list[Task] = option(min_length=1, doc="The tasks.")
    blocks: list[Block] = option(
        [], doc="Blocks of tasks, in this order; each task is in one block. None if left out."
    )
    order: Literal["fixed", "latin_square", "random"] = option(
        "fixed",
        doc="Order of the tasks, within each block if there are blocks: as written, by the rows of "
        "a balanced square, or drawn each time.",
    )
    conditions: Conditions | None = option(None, doc="Conditions to compare; none if left out.")
    seed: int = option(0, ge=0, doc="Seed of all random draws.")
    questionnaire: list[QuestionPage] = option([], doc="Pages of questions after the tasks.")
    end: EndPage | None = option(None, doc="The last page; a word of thanks if left out.")

    def model_post_init(self, context: object) -> None:
        """Set the default data folder if the key is omitted."""
        super().model_post_init(context)
        self.data = self.data or self.default_data()

    def default_data(self) -> Path:
        """Return the default data folder, next to the file."""
        return self.path.with_suffix(".study")

    def plain(self) -> dict[str, Any]:
        """Return nested dicts and lists like ``SpecFile.plain``, without a default data folder."""
        plain = super().plain()
        if self.data == self.default_data():
            plain.pop("data")
        return plain

    @property
    def all_tasks(self) -> list[Task]:
        """All tasks, the training first if the study has a training."""
        return [*([self.training] if self.training else []), *(self.tasks or [])]

    @property
    def questions(self) -> list[Question]:
        """Questions of the form and of the questionnaire, which come once."""
        return [*self.form, *[asked for page in self.questionnaire for asked in page.asked]]

    @property
    def scored(self) -> list[str]:
        """Names of the scored questions, without those after the training, which do not count."""
        groups = [*(self.tasks or []), *self.blocks]
        pages = [*(page for group in groups for page in group.after), *self.questionnaire]
        asked = [*self.form, *(question for page in pages for question in page.asked)]
        return list(dict.fromkeys(str(one.name_) for one in asked if one.scored))

    @property
    def levels(self) -> list[Level]:
        """The conditions; [] in a study without conditions."""
        return list(self.conditions.levels or []) if self.conditions else []

    @property
    def within(self) -> bool:
        """True if each participant sees all conditions."""
        return bool(self.conditions and self.conditions.design == "within")

    def levels_of(self, task: Task) -> list[Level]:
        """Return the conditions under which a task may be done. If participants see all conditions,
        the training has what the conditions have in common, since it comes before them."""
        if self.within and task is self.training:
            return [shared_level(self.levels)]
        return self.levels

    def key_of(self, task: Task) -> str:
        """Return the key of a task in the file, such as ``tasks[0]``."""
        if task is self.training:
            return "training"
        return f"tasks[{next(at for at, other in enumerate(self.tasks) if other is task)}]"

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for repeated names, pictures and links that cannot be used, and a
        number of tasks that does not fit the conditions."""
        yield from twice("tasks", [task.name_ for task in self.all_tasks])
        key = "questionnaire" if self.questionnaire else "form"
        checked = [self.comprehension] if self.comprehension else []
        yield from page_faults(key, [*checked, *self.questionnaire], self.form)
        for task in self.all_tasks:
            yield from page_faults(self.key_of(task), task.after)
        yield from self._picture_faults()
        yield from self._link_faults()
        tasks = self.tasks or []
        yield from block_faults(self.blocks, [task.name_ for task in tasks])
        yield from skip_faults(self._rules(), [level.name_ for level in self.levels])
        made = self.conditions
        what, size = ("blocks", len(self.blocks)) if self.blocks else ("tasks", len(tasks))
        if made and made.levels and made.design == "within" and size % len(made.levels):
            yield (
                "conditions",
                f"{size} {what} are not a multiple of {len(made.levels)} conditions",
            )

    def _blocks_by_key(self) -> dict[str, Block]:
        return {f"blocks[{at}]": block for at, block in enumerate(self.blocks)}

    def _rules(self) -> Iterator[Rule]:
        """Yield all rules ``skip_if``, with the questions that are asked before each."""
        yield from page_rules("introduction", self.introduction, [])
        checked = self.comprehension.asked if self.comprehension else []
        known = [*checked, *self.form]
        for task in self.all_tasks:
            yield from group_rules(self.key_of(task), task, known)
        for key, block in self._blocks_by_key().items():
            yield from group_rules(key, block, known)
        yield from page_rules("questionnaire", self.questionnaire, known)

    def _link_faults(self) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for ids in the last page's link that ``participants.ids`` lacks."""
        completion = getattr(self.end, "completion", None)
        known = [*self.participants.ids, CODE] if self.participants else []
        for name in ID_IN_LINK.findall((completion and completion.url) or ""):
            if name not in known:
                yield "end.completion.url", f"unknown id {name!r}; the ids are {', '.join(known)}"

    def _picture_faults(self) -> Iterator[tuple[str, str]]:
        """Yield (key of a text, message) for each picture that cannot be shown."""
        pages: dict[str, Section | None] = {
            key: getattr(self, key) for key in ("consent", "comprehension", "end", "training")
        }
        for name in ("introduction", "tasks", "questionnaire"):
            pages |= {f"{name}[{at}]": page for at, page in enumerate(getattr(self, name) or [])}
        groups = {self.key_of(task): task for task in self.all_tasks}
        for where, group in {**groups, **self._blocks_by_key()}.items():
            pages |= {f"{where}.after[{at}]": page for at, page in enumerate(group.after)}
        for where, block in self._blocks_by_key().items():
            texts = enumerate(block.introduction)
            pages |= {f"{where}.introduction[{at}]": page for at, page in texts}
        for key, page in pages.items():
            tokens = parse(getattr(page, "text", None) or "")
            for child in chain.from_iterable(token.children or [] for token in tokens):
                if child.type == "image":
                    try:
                        picture_uri(str(child.attrGet("src") or ""), self.path.parent)
                    except StudyError as error:
                        yield f"{key}.text", error.message


def find_file(name: str | Path) -> Path:
    """Return the path of the spec of a study or of the app by its path or packaged name; raise
    ``SpecError`` if there is none."""
    for kind in ("study", "spec"):
        with contextlib.suppress(SpecError):
            return find_spec(name, kind)
    raise no_such_spec(name, "spec", "study")


def is_study(file: Path) -> bool:
    """Return True if ``file`` is the spec of a study; False for a spec of the app or a folder."""
    if is_remote(file) or file.is_dir():
        return False
    root = compose(file)
    pairs = root.value if isinstance(root, MappingNode) else []
    keys = {text_of(key) for key, _ in pairs if isinstance(key, ScalarNode)}
    return "tasks" in keys and "dataset" not in keys


def load_study(path: str | Path) -> StudySpec:
    """Read and check the spec of a study; raises ``SpecError`` with all problems at once."""
    return load_file(StudySpec, path, check_files=True, start=_START)
