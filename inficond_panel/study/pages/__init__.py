"""Pages of a study, for participants and for the researcher."""

from pathlib import Path

#: Files that ``panel serve`` makes the pages ``/study`` and ``/researcher`` of.
PAGES = [Path(__file__).with_name(name) for name in ("study.py", "researcher.py")]
