"""What ``inficond init`` writes a spec for: a folder of photos, or a table of captions."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inficond_panel.errors import DataError

if TYPE_CHECKING:
    from precompute.detect import FolderLayout
    from precompute.detect.chosen import ChosenModel
    from precompute.detect.writing import SpecDraft

#: From a path to the text that a spec has for it.
Written = Callable[[Path], str]


@dataclass(frozen=True)
class PhotoFolder:
    """Folder of photos at ``place``, or a store."""

    place: Path

    @property
    def stem(self) -> str:
        """Name of the spec, without its ending."""
        return self.place.absolute().resolve().name.removesuffix(".zarr")

    def title(self, layout: FolderLayout) -> str:
        """Return the title of the spec: the name of the folder that holds the photos."""
        return PhotoFolder(layout.root).stem

    def layout(self, args: argparse.Namespace) -> FolderLayout:
        """Return the layout of the folder; raise ``DataError`` if there is none."""
        from precompute.detect import find_layout

        return find_layout(self.place, args.classes or ())

    def teacher(
        self, args: argparse.Namespace, layout: FolderLayout, written: Written
    ) -> ChosenModel:
        """Return the teacher that was named or is in the folder, else heads on the labels."""
        from precompute.detect.models import choose_teacher

        return choose_teacher(args.teacher, layout, written)

    def encoder(
        self, args: argparse.Namespace, places: Sequence[Path], written: Written
    ) -> ChosenModel | None:
        """Return the encoder that was named or is in one of the ``places``, else a usual one."""
        from precompute.detect.models import choose_encoder

        return choose_encoder(args.encoder, places, written)

    def write_words(self, draft: SpecDraft, words: Path) -> None:
        """Write the packaged list of words to the file ``words``."""
        from inficond_panel.spec import find_spec

        packaged = find_spec("demo").parent / "corpora" / "broden_object_584.txt"
        shutil.copyfile(packaged, words)


@dataclass(frozen=True)
class CaptionTable:
    """Table of captions and labels at ``place``, without photos."""

    place: Path

    @property
    def stem(self) -> str:
        """Name of the spec, without its ending."""
        return self.place.absolute().resolve().stem

    def title(self, layout: FolderLayout) -> str:
        """Return the title of the spec: the name of the table."""
        return self.place.stem

    def layout(self, args: argparse.Namespace) -> FolderLayout:
        """Return the layout of the table; raise ``DataError`` without captions or labels."""
        from precompute.detect.captions import caption_layout

        return caption_layout(self.place, args.captions, args.classes or ())

    def teacher(
        self, args: argparse.Namespace, layout: FolderLayout, written: Written
    ) -> ChosenModel:
        """Return the teacher that was named, else heads on the words of the captions."""
        from precompute.detect.models import choose_word_teacher

        return choose_word_teacher(args.teacher, written)

    def encoder(
        self, args: argparse.Namespace, places: Sequence[Path], written: Written
    ) -> ChosenModel | None:
        """Return None: the words of captions need no encoder."""
        return None

    def write_words(self, draft: SpecDraft, words: Path) -> None:
        """Write the frequent words and phrases of the captions to the file ``words``."""
        from precompute.concepts.caption_corpus import caption_corpus
        from precompute.detect.captions import captions_at

        corpus = caption_corpus(captions_at(self.place, draft.keys["captions"]))
        if not corpus:
            raise DataError(
                f"No word is in several captions of {self.place}.",
                "Name another column, --captions COLUMN, or a list of words, --corpus FILE.",
            )
        words.write_text("\n".join(corpus) + "\n", encoding="utf-8")


def source_of(place: Path) -> PhotoFolder | CaptionTable:
    """Return what is at ``place``: a file is a table of captions."""
    return CaptionTable(place) if place.is_file() else PhotoFolder(place)
