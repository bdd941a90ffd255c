"""Faults of the data that a spec names, gathered, and the line of the spec that is at fault."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from inficond_panel.errors import DataError, DataFaultsError, FileProblem, OrderError
from inficond_panel.spec.spec import Spec


@contextmanager
def about(key: str) -> Iterator[None]:
    """Mark a ``DataError`` that is raised within as a fault of the spec's ``key``, such as
    ``teacher.path``, unless it names another key."""
    try:
        yield
    except DataError as error:
        for each in getattr(error, "faults", (error,)):
            each.key = each.key or key
        raise


@dataclass
class Faults:
    """Faults of a spec's data, gathered so that all are reported together."""

    found: list[DataError] = field(default_factory=list)

    @contextmanager
    def gather(self, key: str = "") -> Iterator[None]:
        """Keep a ``DataError`` that is raised within, as a fault of the spec's ``key``."""
        try:
            with about(key):
                yield
        except DataFaultsError as error:
            self.found += error.faults
        except DataError as error:
            self.found.append(error)

    def check(self) -> None:
        """Raise what was gathered: one fault as it is, several as ``DataFaultsError``."""
        if len(self.found) > 1:
            raise DataFaultsError(self.found)
        if self.found:
            raise self.found[0]


def in_spec(error: DataError, spec: Spec) -> DataError:
    """Return the error with the line and column in the spec of the key at fault; unchanged if it
    names no key."""
    if isinstance(error, DataFaultsError):
        return DataFaultsError([in_spec(each, spec) for each in error.faults])
    if not error.key:
        return error
    place = str(FileProblem(spec.path, *_place(error.key, spec), ""))
    if isinstance(error, OrderError):
        return OrderError(error.sentence, error.remedy, error.right_names, place)
    return DataError(place + error.message, error.remedy)


def _place(key: str, spec: Spec) -> tuple[int, int]:
    """Return line and column of a key of the spec; of its section if the file lacks the key."""
    section, _, name = key.rpartition(".")
    place = spec.place(section, name)
    return _place(section, spec) if section and place == (1, 1) else place
