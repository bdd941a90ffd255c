"""Parser of the command line: arguments added when needed, and help for a mistyped word."""

from __future__ import annotations

import argparse
import shlex
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from inficond_panel.commands.shared.arguments import ArgumentParser
from inficond_panel.common.near_words import near, nearest

EXAMPLE = "Example: "


class _Formatter(argparse.HelpFormatter):
    """Formatter of help to copy: an example stays on one line, no word is split at a hyphen."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text.startswith(EXAMPLE):
            return indent + text
        return super()._fill_text(text, width, indent)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)


class Parser(ArgumentParser):
    """Parser of a command or an action.

    The function ``fill`` adds the arguments when the parser is used, so that only the chosen
    command is loaded. ``words`` are the parsers of its commands or actions, by name.
    """

    def __init__(
        self, *arguments: Any, fill: Callable[[Parser], None] | None = None, **keywords: Any
    ) -> None:
        super().__init__(*arguments, **{"formatter_class": _Formatter, **keywords})
        self._fill = fill
        self._form = ""
        self.words: dict[str, Parser] = {}

    def add_words(self, form: str, dest: str) -> argparse._SubParsersAction[Parser]:
        """Add subcommands (words) with parsers; ``form`` is the usage, such as ``ACTION SPEC``."""
        chosen = self.add_subparsers(
            dest=dest, required=True, prog=self.prog, metavar=form, parser_class=Parser
        )
        self._form, self.words = form, chosen.choices
        return chosen

    def add_actions(
        self, form: str, actions: Mapping[str, tuple[str, str]], **fill: Callable[[Parser], None]
    ) -> dict[str, Parser]:
        """Add actions by name, each with its description and what follows it in its example.

        Returns their parsers. ``fill`` are by name functions that add arguments later.
        """
        chosen = self.add_words(form, "action")
        for name, (text, example) in actions.items():
            shown = f"{EXAMPLE}{self.prog} {name} {example}"
            chosen.add_parser(name, help=text, description=text, epilog=shown, fill=fill.get(name))
        return self.words

    def fill(self) -> None:
        """Add the arguments now, if that was deferred to the constructor's function ``fill``."""
        fill, self._fill = self._fill, None
        if fill:
            fill(self)

    def parse_known_args(self, args: Iterable[str] | None = None, namespace: Any = None) -> Any:
        """Parse as argparse does, but report an unknown word with the usage or a similar word."""
        self.fill()
        argv = list(sys.argv[1:] if args is None else args)
        if self.words and not (argv and (argv[0] in self.words or argv[0][:1] == "-")):
            self.error(self._wrong_word(argv))
        parsed, left = super().parse_known_args(argv, namespace)
        if left and not self.words:
            self.error(self._wrong_argument(left[0]))
        return parsed, left

    def _wrong_argument(self, word: str) -> str:
        flag = word.partition("=")[0]
        flags = {name.lstrip("-"): name for name in self._option_string_actions}
        meant = [flags[name] for name in nearest(flag.lstrip("-"), flags)]
        hint = f" Did you mean {meant[0]!r}?" if meant else ""
        return f"{flag!r} is not an argument of this command.{hint}"

    def _wrong_word(self, argv: Sequence[str]) -> str:
        kind = self._form.split()[0].lower()
        form = f"{self.prog} {self._form}"
        if not argv:
            start = f"the {kind} is missing."
        else:
            start = f"{argv[0]!r} is not {'an' if kind == 'action' else 'a'} {kind}."
            later = next((word for word in argv[1:] if word in self.words), None)
            if later and kind == "action":
                form = f"{self.prog} {later} {shlex.quote(argv[0])}"
            start += near(argv[0], self.words)
        return f"{start}\nUsage: {form}\n{kind.capitalize()}s: {', '.join(self.words)}"
