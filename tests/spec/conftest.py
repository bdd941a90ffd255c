"""A small data set on disk, and specs that fit it."""

from pathlib import Path

import pytest

from inficond_panel.errors import SpecError
from inficond_panel.spec import Spec, load_spec


class Folder:
    """A folder with a data set, where specs are written and read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, text: str | bytes, name: str = "a.yaml") -> Path:
        file = self.path / name
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    def load(self, text: str | bytes, check_files: bool = True) -> Spec:
        return load_spec(self.write(text), check_files)

    def problems(self, text: str | bytes, check_files: bool = True) -> list[str]:
        """Problems as "line:column: message"."""
        with pytest.raises(SpecError) as caught:
            self.load(text, check_files)
        assert all(problem.file == self.path / "a.yaml" for problem in caught.value.problems)
        return [f"{p.line}:{p.column}: {p.message}" for p in caught.value.problems]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    (tmp_path / "data" / "images").mkdir(parents=True)
    main = tmp_path / "voc" / "ImageSets" / "Main"
    main.mkdir(parents=True)
    data = [tmp_path / "data" / name for name in ("labels.csv", "train.txt", "test.txt")]
    lists = [main / name for name in ("trainval.txt", "test.txt")]
    for file in (*data, *lists, *(tmp_path / n for n in ("words.txt", "weights.pt", "logits.csv"))):
        file.write_text("")
    return Folder(tmp_path)
