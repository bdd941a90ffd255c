"""Pages of a study, for participants and for the researcher."""

from pathlib import Path

#: Files of the pages ``/study`` and ``/researcher``, for ``panel serve``.
STUDY_PAGES = [Path(__file__).with_name(name) for name in ("study.py", "researcher.py")]
#: Environment variable with the password of the researcher's page.
PASSWORD = "INFICOND_STUDY_PASSWORD"  # noqa: S105 - the name of a variable
#: Address of `inficond study serve` on this machine, unless it has another port.
DEFAULT_URL = "http://localhost:5006"
