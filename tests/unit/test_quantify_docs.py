"""The example of docs/quantify.md runs as it stands."""

import re
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytestmark = pytest.mark.torch

PAGE = Path(__file__).parents[2] / "docs" / "quantify.md"


def test_the_example_measures_a_network(capsys):
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(example, str(PAGE), "exec"), names)
    assert names["points"].shape == (4, 24, 32)
    assert names["found"].converged.all()
    assert capsys.readouterr().out.startswith("[ True  True  True  True]")
