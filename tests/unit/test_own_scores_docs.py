"""The example of docs/notebook.md runs as it stands."""

import re
from pathlib import Path

from frames import frames

from inficond_panel.spec import load_spec

PAGE = Path(__file__).parents[2] / "docs" / "notebook.md"


def example(language):
    """Return the first block of the page in ``language``."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)[0]


def test_the_example_makes_students(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, given in frames(60).items():
        frame = given.to_frame("split") if name == "split" else given
        frame.rename_axis("image_id").to_csv(f"{name}.csv")
    names: dict[str, object] = {}
    exec(compile(example("python"), str(PAGE), "exec"), names)
    students = names["students"]
    assert students.images("fit")[:2] == ["0000", "0001"]
    assert students.metrics("tune")["ap"].between(0.5, 1).all()
    (tmp_path / "birds.yaml").write_text(example("yaml"))
    spec = load_spec("birds.yaml")
    assert (spec.store, spec.students.lambda_) == (tmp_path / "own.zarr", 1e-3)
