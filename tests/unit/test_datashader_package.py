"""The cloud and the matrix are drawn also where numba finds no place to keep what it compiles."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = """
import sys
from pathlib import Path
from numba.core import caching

def refuse(self):
    raise PermissionError("read-only")

caching.InTreeCacheLocator.ensure_cache_path = refuse
caching.UserWideCacheLocator.ensure_cache_path = refuse
{also}
from inficond_panel.plots.cloud import _KEPT, datashader_package
canvas = datashader_package().Canvas(4, 2, (0, 4), (0, 2))
import pandas as pd
print(int(canvas.points(pd.DataFrame({{"x": [1.5], "y": [0.5]}}), "x", "y").sum()))
print(Path(_KEPT[0].name).is_dir(), _KEPT[0].name)
"""


def drawn(also: str = "") -> subprocess.CompletedProcess[str]:
    code = CODE.format(also=also)
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_where_no_folder_can_be_written_the_cache_is_this_process_s_own():
    done = drawn()
    assert done.returncode == 0, done.stderr
    counted, kept = done.stdout.splitlines()
    there, folder = kept.split(" ", 1)
    assert (counted, there) == ("1", "True")
    assert not Path(folder).exists()


def test_another_fault_of_the_import_is_told():
    also = "sys.modules['datashader'] = None"
    assert "ModuleNotFoundError" in drawn(also).stderr
