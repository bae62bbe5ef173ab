"""Check what evaluation gets: cases, lengths of lists, and the lists of a recommender."""

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from prismrec.data import Case, Catalog
from prismrec.errors import ConfigError, DataError, check_type, check_whole_number, described
from prismrec.evaluation.metrics import Metric
from prismrec.types import RankedItems

Recommending = Callable[[Sequence[NDArray[np.int64]], int], RankedItems | NDArray[np.integer]]
"""A ``Recommend`` that may also return the item numbers alone, ``[B, k]``."""

BATCH = 4096
"""Cases whose items are checked at a time."""


def check_cases(cases: Sequence[Case]) -> None:
    """Raise ConfigError for a whole split, or other values than cases."""
    is_list = isinstance(cases, Sequence) and not isinstance(cases, str)
    if not is_list or (cases and not isinstance(cases[0], Case)):
        raise ConfigError(
            f"cases is {described(cases)}, but must be a list of cases; pass split.test or "
            "split.valid."
        )


def check_items(cases: Sequence[Case], size: int | None) -> None:
    """Check that the catalog has the items of cases: they are looked up in tables.

    Args:
        cases: The cases.
        size: V; None if it is not known.

    Raises:
        DataError: It lacks an item of a history or a target.

    Cost: O(items of the cases) time; ``BATCH`` cases are read at a time.
    """
    for start in range(0, len(cases), BATCH):
        batch = cases[start : start + BATCH]
        items = np.concatenate([part for case in batch for part in (case.history, case.targets)])
        outside = items[(items < 1) | (items >= (size or np.inf))]
        if len(outside):
            among = "" if size is None else f"; the catalog has the items 1 to {size - 1}"
            raise DataError(
                f"A case has the item {outside[0]}{among}; use cases and a catalog of one data set."
            )


def check_inputs(recommend: Recommending, cases: Sequence[Case], catalog: Catalog | None) -> None:
    """Check what is evaluated, on what.

    Raises:
        ConfigError: An argument has another type, such as a recommender instead of a function.
        DataError: There are no cases.
    """
    owner = getattr(recommend, "__self__", None)
    of_one = hasattr(owner, "ranked") and getattr(recommend, "__name__", "") == "recommend"
    if not callable(recommend) or of_one:
        shown = "a function of one history" if of_one else described(recommend)
        raise ConfigError(
            f"recommend is {shown}, but must be a function of histories and k; pass "
            "recommender.ranked."
        )
    check_cases(cases)
    check_type("catalog", catalog, Catalog | None, "a Catalog; pass dataset.catalog")
    if not cases:
        raise DataError(
            "evaluate got no cases, so there is nothing to measure; use a split with such users."
        )


def check_lengths(ks: Sequence[int], batch_size: int) -> list[int]:
    """Return the lengths of lists, each once, ascending.

    Raises:
        ConfigError: They are no list of whole numbers, or one of them or ``batch_size`` is below 1.
    """
    text = f"a list of lengths; write ks=({ks},)" if isinstance(ks, int) else "a list of lengths"
    check_type("ks", ks, Collection, text)
    for k in ks:
        check_whole_number("A length in ks", k, "a whole number; write for example ks=(20, 50)")
    check_whole_number("batch_size", batch_size, "a whole number of histories, such as 512")
    ordered = sorted(set(ks))
    if not ordered or ordered[0] < 1 or batch_size < 1:
        raise ConfigError(
            f"evaluate got ks {ordered} and batch_size {batch_size}, but each must be at least 1; "
            "use for example ks=(20, 50)."
        )
    return ordered


def as_ranked(found: RankedItems | NDArray[np.integer]) -> RankedItems:
    """Return what a function of ``evaluate`` returned as ranked items.

    Item numbers alone get scores of 0 and interest 0: no metric reads scores, and the notes on
    interests are those of a model with one.

    Raises:
        DataError: It is neither ranked items nor an array of whole numbers.
    """
    items = found.items if isinstance(found, RankedItems) else found
    if not isinstance(items, np.ndarray) or not np.issubdtype(items.dtype, np.integer):
        kind = f" of {items.dtype}" if isinstance(items, np.ndarray) else ""
        raise DataError(
            f"The recommender returned a value of type {type(items).__name__}{kind}, but must "
            "return lists of item numbers; return an integer array [B, k], or a RankedItems."
        )
    if isinstance(found, RankedItems):
        return found
    return RankedItems(
        items.astype(np.int64), np.zeros(items.shape), np.zeros_like(items, np.int64)
    )


def check_needs(metrics: Mapping[str, Metric], known: Collection[str]) -> None:
    """Raise ConfigError for a metric that needs data of another name than the known ones."""
    for name, metric in metrics.items():
        if metric.needs not in known:
            raise ConfigError(
                f"The metric {name} needs {metric.needs!r}, which no evaluation has; name one of "
                f"{', '.join(known)} in its entry in METRICS."
            )


def check_values(name: str, values: NDArray[np.float64], users: int) -> NDArray[np.float64]:
    """Return the values of a metric, one per user, as float64.

    Raises:
        ConfigError: The metric returned something else.
    """
    array = np.asarray(values)
    if array.shape != (users,) or array.dtype.kind not in "fiub":
        raise ConfigError(
            f"The metric {name} returned values of shape {array.shape} and type {array.dtype} for "
            f"{users} users, but must return numbers of shape ({users},): one per user, NaN where "
            "it is undefined."
        )
    return array.astype(np.float64, copy=False)


def check_lists(
    items: NDArray[np.int64], users: int, k: int, size: int | None
) -> NDArray[np.int64]:
    """Return the lists unchanged if they are valid.

    Raises:
        DataError: The shape is wrong, or a list is not one of distinct items of the catalog.
    """
    fault = ""
    if items.ndim != 2 or len(items) != users or items.shape[1] > k:
        fault = f"an array of shape {items.shape} for {users} histories and k {k}"
    elif items.min(initial=0) < 0 or (size is not None and items.max(initial=0) >= size):
        wrong = items[(items < 0) | (items >= (size or np.inf))][0]
        fault = f"the item {wrong}, which is not in the catalog"
    elif ((items[:, 1:] > 0) & (items[:, :-1] == 0)).any():
        fault = "a list with padding between its items"
    else:
        ordered = np.sort(items, axis=1)
        twice = ordered[:, 1:][(ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] > 0)]
        if len(twice):
            fault = f"a list that holds the item {twice[0]} twice"
    if fault:
        raise DataError(
            f"The recommender must return lists of distinct items but returned {fault}; fix the "
            "recommender and evaluate again."
        )
    return items
