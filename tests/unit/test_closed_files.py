"""Scripts that use the Python API leave nothing open, as ``-W error::ResourceWarning`` asks."""

import subprocess
import sys

from factory import small_spec

#: SQLite's connections as Python 3.13 has them: it warns of those that nobody has closed.
WARNING = """
import functools, sqlite3, warnings

class Connection(sqlite3.Connection):
    closed = False

    def close(self):
        self.closed = True
        super().close()

    def __del__(self):
        if not self.closed:
            warnings.warn("unclosed database", ResourceWarning)

sqlite3.connect = functools.partial(sqlite3.connect, factory=Connection)
"""
USE = """
import inficond_panel

students = inficond_panel.open_students({spec!r}).fit()
students.remove("bicycle", "wheel").report()
students.metrics("tune", intervals=True)
students.export({folder!r})
inficond_panel.load_students({folder!r})
students.plot.knowledge("bicycle")
students.back_up({folder!r} + "/copy.sqlite").replay({folder!r} + "/again.sqlite")
students.bring_back({folder!r} + "/copy.sqlite")
"""
LET_GO = "del students\nopened = inficond_panel.open_students({spec!r}, history=':memory:').fit()\n"


def test_a_script_ends_without_a_warning(tmp_path):
    given = {"spec": str(small_spec(tmp_path)), "folder": str(tmp_path / "folder")}
    script = WARNING + (USE + LET_GO).format(**given)
    command = [sys.executable, "-X", "dev", "-W", "error::ResourceWarning", "-c", script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    slow = "Executing <"  # of asyncio's development mode, on a busy machine
    told = [line for line in done.stderr.splitlines() if not line.startswith(slow)]
    assert (done.returncode, told) == (0, [])
