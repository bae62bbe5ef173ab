"""Hit rates of other lists than those that were shown, by inverse propensity: pure functions.

Each user was assigned to one of V variants with known shares. So the probability that an item was
shown to a user is the sum of the shares of the variants whose list has it. Items that were shown
and are in the new list too count with the inverse of this probability: this makes up for
the users of the other variants, who did not see them.

R is the number of requests, k the number of items of a list. Items are numbers from 1; 0 is no
item, and a list has no item twice.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from prismrec.errors import DataError
from prismrec.evaluation.metric_report import QUANTILE


@dataclass(frozen=True, eq=False)
class LoggedLists:
    """The lists that were shown, and those that the other variants would have shown instead."""

    users: NDArray[np.int64]
    """``[R]``: number of the user."""
    variant: NDArray[np.int64]
    """``[R]``: number of the variant whose list was shown, from 0."""
    lists: NDArray[np.int64]
    """``[V, R, k]``: the list of each variant; that of the user's own variant was shown."""
    hits: NDArray[np.bool_]
    """``[R, k]``: whether the user had a later event on the item that was shown."""
    shares: NDArray[np.float64]
    """``[V]``: probability of each variant."""

    @property
    def shown(self) -> NDArray[np.int64]:
        """``[R, k]``: the lists that were shown."""
        return self.lists[self.variant, np.arange(len(self.variant))]


@dataclass(frozen=True, eq=False)
class Rate:
    """A ratio of sums over items, with its error over users."""

    value: float
    influence: NDArray[np.float64]
    """By number of the user: the part of the user in the deviation of ``value``; they sum to 0."""
    users: int
    """Number of users with an item that counts."""
    hits: int
    """Number of items that count and were hit."""

    @property
    def error(self) -> float:
        """The standard error."""
        return _error(self.influence, self.users)

    @property
    def interval(self) -> float:
        """95 % half-width."""
        return QUANTILE * self.error


@dataclass(frozen=True, eq=False)
class Estimate:
    """The estimated hit rate per item of new lists."""

    rate: Rate
    coverage: float
    """Share of the items of the new lists that any variant shows; of the others nothing is
    known."""
    effective_items: float
    """Number of items of equal weight that would have the same variance: ``(Σw)² / Σw²``."""


def propensities(
    items: NDArray[np.int64], lists: NDArray[np.int64], shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the probability that each item was shown: ``p_r(i) = Σ_v share_v · [i ∈ list_v(r)]``.

    Args:
        items: ``[R, k]``; 0 has the probability 0.
        lists: ``[V, R, k]``.
        shares: ``[V]``.

    Cost: O(V · R · k · log(R · k)).
    """
    inside = np.stack([_is_in(items, each) for each in lists])
    found: NDArray[np.float64] = np.einsum("v,vrk->rk", shares, inside.astype(float))
    return found


def estimate_rate(logged: LoggedLists, new: NDArray[np.int64]) -> Estimate:
    """Estimate the hit rate per item of new lists, by self-normalised inverse propensity (SNIPS).

    With the list S_r that was shown, the new list N_r and the hits y:
    ``Σ_r Σ_{i ∈ S_r ∩ N_r} y_ri / p_r(i)`` divided by ``Σ_r Σ_{i ∈ S_r ∩ N_r} 1 / p_r(i)``.

    Args:
        logged: What was shown.
        new: ``[R, k]``: the new list of each request.

    Raises:
        DataError: No item of the new lists was shown, or only to one user.

    Source: Swaminathan and Joachims (2015), NIPS 28,
        https://papers.nips.cc/paper/5748-the-self-normalized-estimator-for-counterfactual-learning.
    """
    shown = logged.shown
    probability = propensities(shown, logged.lists, logged.shares)
    weights = np.zeros(shown.shape)
    np.divide(1.0, probability, out=weights, where=_is_in(shown, new))
    if not weights.any():
        raise DataError(
            "No item of the new lists was shown, so the logged lists cannot estimate their hit "
            "rate; compare the new artifact in an experiment with comparison = true."
        )
    rate = ratio(logged.hits, weights, logged.users)
    covered = propensities(new, logged.lists, logged.shares) > 0
    return Estimate(
        rate=rate,
        coverage=float(covered.sum() / (new > 0).sum()),
        effective_items=float(weights.sum() ** 2 / (weights**2).sum()),
    )


def measured_rate(logged: LoggedLists, variant: int) -> Rate:
    """Return the hit rate per item of the lists that the users of a variant got.

    Raises:
        DataError: Fewer than two users got an item.
    """
    shown = logged.shown
    own = (logged.variant == variant)[:, None] & (shown > 0)
    return ratio(logged.hits, own.astype(float), logged.users)


def ratio(hits: NDArray[np.bool_], weights: NDArray[np.float64], users: NDArray[np.int64]) -> Rate:
    """Return ``Σ w y / Σ w``, and its linearised error with the users as independent units.

    The part of a user in the error is ``Σ w (y − value) / Σ w`` over the items of the user.

    Args:
        hits: ``[R, k]``: y.
        weights: ``[R, k]``: w, 0 for an item that does not count.
        users: ``[R]``: number of the user of each row.

    Raises:
        DataError: No item counts, or only items of one user.

    Source: Cochran (1977), Sampling Techniques, chapter 6.
    """
    counted = len(np.unique(users[weights.any(axis=1)]))
    if counted < 2:
        raise DataError(
            f"Items of the lists were shown to {counted} users, so no rate can be estimated; "
            "collect more exposures, or use lists that have more items in common with the "
            "variants."
        )
    total = weights.sum()
    value = float((weights * hits).sum() / total)
    residuals = (weights * (hits - value)).sum(axis=1) / total
    return Rate(
        value=value,
        influence=np.bincount(users, residuals).astype(np.float64),
        users=counted,
        hits=int((hits & (weights > 0)).sum()),
    )


def agreement(one: Rate, other: Rate) -> float:
    """Return the two-sided p-value of the difference of two rates of the same users.

    The rates may share data: the difference has the influences of both.
    """
    size = max(len(one.influence), len(other.influence))
    parts = [np.pad(each.influence, (0, size - len(each.influence))) for each in (one, other)]
    error = _error(parts[0] - parts[1], max(one.users, other.users))
    mean = abs(one.value - other.value)
    if error <= 1e-9:  # the same data; only rounding differs
        return float(mean <= 1e-9)
    return float(2 * special.ndtr(-mean / error))


def _error(influence: NDArray[np.float64], users: int) -> float:
    return float(np.sqrt((influence**2).sum() * users / (users - 1)))


def _is_in(items: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return whether each item of a row is in the same row of ``others``."""
    base = int(max(items.max(initial=0), others.max(initial=0))) + 1
    rows = np.arange(len(items), dtype=np.int64)[:, None] * base
    return np.isin(rows + items, rows + others) & (items > 0)
