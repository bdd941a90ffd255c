"""Commands without the extra ``precompute``: a message with what to install, no traceback."""

from __future__ import annotations

import sys

import pandas as pd
import pytest
from PIL import Image

from inficond_panel.cli import main
from inficond_panel.errors import MissingExtraError
from inficond_panel.study.results.study_tables import write

EXTRA = ("torch", "open_clip", "huggingface_hub", "transformers", "timm", "sklearn")


class Absent:
    """Finder that knows the extra's packages, and has none of them."""

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        """Raise as the import system does for a package that is not installed."""
        if name.partition(".")[0] in EXTRA:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@pytest.fixture
def base_alone(monkeypatch):
    """Imports of the extra's packages fail, as where only the base is installed."""
    for name in list(sys.modules):
        if name.partition(".")[0] in EXTRA:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Absent, *sys.meta_path])


@pytest.fixture
def spec(tmp_path, monkeypatch, capsys) -> str:
    """A spec that ``init`` writes of six photos, of which the encoder is downloaded."""
    monkeypatch.chdir(tmp_path)
    for kind in ("cat", "dog"):
        for number in range(5):
            folder = tmp_path / "photos" / kind
            folder.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / f"{number}.png")
    assert main(["init", "photos", "--output", "my.yaml"]) == 0
    capsys.readouterr()
    return "my.yaml"


@pytest.mark.parametrize("flags", [[], ["--plan"]])
def test_precompute_says_what_to_install(base_alone, spec, capsys, flags):
    assert main(["precompute", spec, *flags]) == 1
    err = capsys.readouterr().err
    assert "Encoding images needs the package open_clip, which" in err
    assert "Install it: " in err
    assert "[precompute]" in err


def test_predict_says_what_to_install(base_alone, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (8, 8)).save("photo.png")
    assert main(["predict", "demo", "photo.png", "--history", "new.sqlite"]) == 1
    err = capsys.readouterr().err
    assert "Running networks needs the package torch, which" in err
    assert "[precompute]" in err


def test_a_package_that_no_module_tells_of_is_told(monkeypatch, capsys):
    def fail(_):
        raise ModuleNotFoundError("No module named 'zarr'", name="zarr")

    monkeypatch.setattr("inficond_panel.commands.check.run", fail)
    assert main(["check", "demo"]) == 1
    err = capsys.readouterr().err
    assert "This needs the package zarr, which is not installed." in err
    assert "[all]" in err


def test_a_module_of_ours_that_is_not_there_is_a_defect(monkeypatch):
    def fail(_):
        raise ModuleNotFoundError("No module named", name="inficond_panel.gone")

    monkeypatch.setattr("inficond_panel.commands.check.run", fail)
    with pytest.raises(ModuleNotFoundError):
        main(["check", "demo"])


def test_a_table_as_parquet_names_what_it_needs(monkeypatch, tmp_path):
    """pandas alone would say that no engine is usable, without a package's name."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match="Parquet needs the package pyarrow, which is not"):
        write(pd.DataFrame({"time": [1]}), tmp_path / "events.parquet")
    assert list(tmp_path.iterdir()) == []
