"""Values of a column of metadata that are written in two ways, such as ``Summer`` and ``summer``:
they are two groups wherever groups are compared."""

from __future__ import annotations

from collections import Counter, defaultdict

from inficond_panel.common.cache import once
from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import count
from inficond_panel.store import Store

TWO_SPELLINGS = "one value in two spellings?"
TWO_SPELLINGS_REMEDY = "Write them in one way in the table of metadata, and make the store again."
#: Most different values of a column that names groups; with more, the texts are ids.
_MOST_VALUES, _NAMED = 100, 3


@once(8)
def two_spellings(store: Store) -> str:
    """Return a sentence on the values of columns that differ by case and blanks alone; "" without
    any."""
    found = list[str]()
    for column in store.metadata_columns:
        texts = Counter(store.column(column))
        if len(texts) > _MOST_VALUES:
            continue
        alike = defaultdict[str, list[str]](list)
        for text in texts:
            alike["".join(text.casefold().split())].append(text)
        for spellings in alike.values():
            if len(spellings) > 1:
                each = [f"“{text}” ({count(texts[text], 'image')})" for text in spellings]
                found.append(f"in {column} {listed(each, _NAMED)}")
    return f"Groups of their own are {listed(found, _NAMED)}." if found else ""
