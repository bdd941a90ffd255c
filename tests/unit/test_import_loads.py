"""Heavy packages that an import of ours does not load."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCREEN = {"panel", "holoviews", "bokeh", "datashader"}
TORCH = {"torch", "torchvision", "open_clip", "timm"}
EXTRAS = {"sklearn", "onnx", "onnxruntime"}


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("inficond_panel", SCREEN | TORCH | EXTRAS | {"numpy", "pandas", "precompute"}),
        ("inficond_panel.api.students", SCREEN | TORCH | EXTRAS | {"precompute"}),
        ("inficond_panel.api.estimator", SCREEN | TORCH | {"onnx", "precompute"}),
        ("inficond_panel.export", SCREEN | TORCH | EXTRAS | {"precompute"}),
        ("inficond_panel.cli", SCREEN | TORCH | {"precompute"}),
        ("inficond_panel.spec", SCREEN | TORCH | {"numpy", "precompute"}),
        ("inficond_panel.state", SCREEN | TORCH | {"precompute"}),
        ("inficond_panel.app", TORCH | {"precompute"}),
        ("precompute", TORCH | SCREEN),
    ],
)
def test_what_an_import_does_not_load(module, absent):
    code = f"import sys, {module}; print(*sorted({absent!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_the_package_shows_its_public_names_alone():
    import inficond_panel

    assert dir(inficond_panel) == sorted(inficond_panel.__all__)
