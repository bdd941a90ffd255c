"""Heavy packages that an import of ours does not load."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCREEN = {"panel", "holoviews", "bokeh", "datashader"}
TORCH = {"torch", "torchvision", "open_clip", "timm"}
EXTRAS = {"sklearn", "onnx", "onnxruntime"}
#: Slow to load, and only few results need them.
SLOW = {"scipy.stats", "scipy.optimize", "dask", "numba"}
#: One after the other in one process: modules, and packages that are not loaded after each.
ALONE = [("precompute", TORCH | SCREEN)]
ONE_BY_ONE = [
    ("inficond_panel", SCREEN | TORCH | EXTRAS | {"numpy", "pandas", "precompute"}),
    ("inficond_panel.spec", SCREEN | TORCH | EXTRAS | {"numpy", "precompute"}),
    ("inficond_panel.tuning", SCREEN | TORCH | EXTRAS | SLOW | {"precompute"}),
    ("inficond_panel.api.students", SCREEN | TORCH | EXTRAS | {"precompute"}),
    ("inficond_panel.export", SCREEN | TORCH | EXTRAS | {"precompute"}),
    ("inficond_panel.cli", SCREEN | TORCH | EXTRAS | {"precompute"}),
    ("inficond_panel.api.estimator", SCREEN | TORCH | {"onnx", "precompute"}),
    ("inficond_panel.state", SCREEN | TORCH | {"precompute"}),
    ("inficond_panel.app", TORCH | {"precompute"}),
]
CODE = """
import importlib, sys
for module, absent in {modules!r}:
    importlib.import_module(module)
    print(*(f"{{module}}:{{name}}" for name in sorted(absent & set(sys.modules))))
"""


@pytest.mark.parametrize("modules", [ALONE, ONE_BY_ONE], ids=["alone", "one by one"])
def test_what_an_import_does_not_load(modules):
    code = CODE.format(modules=modules)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_the_package_shows_its_public_names_alone():
    import inficond_panel

    assert dir(inficond_panel) == sorted(inficond_panel.__all__)
