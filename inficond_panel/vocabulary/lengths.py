"""Longest texts that people write, in characters: the page's fields and the checks behind them."""

from __future__ import annotations

#: Tag of an image, answer in a study, and note of the person who leads a study.
LONGEST_TAG, LONGEST_ANSWER, LONGEST_STUDY_NOTE = 40, 4_000, 2_000
#: The same by name, for the page's scripts.
LENGTHS = {"tag": LONGEST_TAG, "answer": LONGEST_ANSWER, "studyNote": LONGEST_STUDY_NOTE}
