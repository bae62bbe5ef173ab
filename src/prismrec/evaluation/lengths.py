"""Lengths of lists on which recommenders can be compared."""

SHARE = 0.1
"""Largest share of the catalog in a list that compares recommenders: a list of most of the catalog
has the targets with any of them."""


def list_lengths(items: int, *wanted: int) -> tuple[int, ...]:
    """Return wanted lengths of lists, cut to ``SHARE`` of a catalog: different ones, ascending."""
    most = max(int(SHARE * items), 1)
    return tuple(sorted({min(length, most) for length in wanted}))
