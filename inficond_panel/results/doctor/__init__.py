"""One report on a store and its students: faults, and the first remedy."""

from inficond_panel.results.doctor.report import doctor

__all__ = ["doctor"]
