"""Search of titles: an index in memory, made once per artifact.

    titles = TitleSearch.of(catalog)
    titles.find("star", 20)            # item numbers, best match first

The titles are sorted by popularity, so the first matches of a kind are the best ones, and each kind
of match is one vectorized pass over the titles.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prismrec.data import Catalog

NO_LETTER = r"[^\p{L}\p{N}]"
"""A character before which no word goes on: neither a letter nor a digit."""


@dataclass(frozen=True, eq=False)
class TitleSearch:
    """The titles of a catalog, the most popular item first."""

    numbers: NDArray[np.int64]
    """The item of each title."""
    titles: pl.Series
    """The titles in lower case."""

    @classmethod
    def of(cls, catalog: Catalog) -> "TitleSearch":
        """Build the index. Cost: O(V log V) time, one copy of the titles."""
        titles = catalog.titles.gather(catalog.by_count - 1).to_list()
        lower = pl.Series("title", [title.casefold() for title in titles], dtype=pl.String)
        return cls(catalog.by_count, lower)

    def find(self, text: str, limit: int) -> list[int]:
        """Return the numbers of items whose title contains the text, at most ``limit``.

        Titles that are the text come first, then titles that begin with it, then titles with a
        word that begins with it, then the others; within each kind the most popular first, ties
        by number.

        Cost: O(V), at most four passes over the titles.
        """
        found: dict[int, None] = {}
        for matches in self._kinds(text.casefold().strip()):
            places = matches.arg_true().head(limit).to_numpy()  # also if some are found already
            found |= dict.fromkeys(self.numbers[places].tolist())
            if len(found) >= limit:
                break
        return list(found)[:limit]

    def _kinds(self, text: str) -> Iterator[pl.Series]:
        """Yield which titles match, from the best kind of match to any match."""
        yield self.titles == text
        yield self.titles.str.starts_with(text)
        yield self.titles.str.contains(NO_LETTER + pl.escape_regex(text))
        yield self.titles.str.contains(text, literal=True)
