"""Selection of the rule retriever on validation, after training.

    rules, reason = fit_rule_retriever(recommender, split.train, split.valid, metric=…, …)
    recommender = recommender.with_rules(rules)

The tables of three baselines are compared, blended with the interests: sequential rules, item-kNN
and EASE.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from prismrec.data import Case, Histories
from prismrec.errors import DataError
from prismrec.evaluation import (
    EASE_L2,
    KNN_SHRINKS,
    RULE_VARIANTS,
    check_squares,
    cosine_similarities,
    ease_weights,
    evaluate,
    split_metric,
)
from prismrec.io import stage, track
from prismrec.recommend import Recommender
from prismrec.retrieval import (
    NEIGHBOURS,
    REFERENCE,
    SEQUENTIAL,
    RuleRetriever,
    keep_strongest_positive,
)
from prismrec.training.found_once import find_once
from prismrec.training.validation import evenly_spread_with_history

WEIGHTS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Weights of the rules to compare."""
FIRST_WEIGHTS = (0.5, 2.0)
"""Weights at which all tables are compared."""
TOP = 10
"""The first ranks count as much as the whole list: with metric@50, metric@10 is measured too."""
MIN_GAIN = 1.02
"""Factor by which the metric must rise; below it the rules are not worth their time."""
VARIANTS = ((0.5, 0.3, 0.3), *((backward, 0.0, beta) for backward, beta in RULE_VARIANTS))
"""``backward``, ``alpha`` and ``beta`` of sequential rules. The first gives frequent items less
weight, since interests already rank popular items high. The others are those of the baseline."""
RECENCIES = (RuleRetriever.recency, 1.0)
"""Recency of item-kNN and EASE: newer items count more, as with sequential rules, or all items
count the same."""
PAIRS_UP_TO = 10**9
"""Largest sum of squared history lengths for item-kNN; more takes many minutes."""
EASE_UP_TO = 20_000
"""Largest number of items for EASE: it takes two minutes on one core, and 3.2 GB."""
TABLE_USERS = 1_000
"""Largest number of validation users that compare tables and weights, evenly spread."""
RULE_USERS = 5_000
"""Largest number of validation users that compare the best of each kind, evenly spread."""


@dataclass(frozen=True, eq=False)
class Trial:
    """Rules, and what the recommender reaches with them on validation."""

    rules: RuleRetriever
    values: tuple[float, ...]
    """Value per metric."""

    @property
    def score(self) -> float:
        """The geometric mean of the values: a factor has the same weight in each metric."""
        return math.prod(self.values) ** (1 / len(self.values))

    def __str__(self) -> str:
        return f"{self.rules.kind} {_joined(self.values)}"


Measure = Callable[[RuleRetriever], Trial]


def fit_rule_retriever(
    recommender: Recommender,
    train: Histories,
    valid: Sequence[Case],
    *,
    metric: str,
    exclude_seen: bool,
) -> tuple[RuleRetriever | None, str]:
    """Find the rules that improve a recommender most: sequential rules, item-kNN or EASE.

    Args:
        recommender: Recommender without rules.
        train: Histories from which the rules are made.
        valid: Validation cases.
        metric: Metric that the rules must improve by more than ``MIN_GAIN``. For lists of more than
            ``TOP`` items it is the geometric mean of the metric at ``TOP`` and at that length, so
            that a long list does not gain at the cost of its top, and no rules may lower either.
        exclude_seen: Exclude the items of the history from lists.

    Returns:
        The best rule retriever that was tried, or None if none improves the metric enough; and a
        sentence that describes the decision.

    Users without a history get popular items, whatever the rules, and are left out.

    Cost: O(V³) for EASE, up to ``EASE_UP_TO`` items; one search for ``RULE_USERS`` users, whose
        candidates are then blended 25 to 40 times (nine tables at two weights, and the best table
        of each kind at a few more).
    """
    cases = evenly_spread_with_history(valid, RULE_USERS)
    if not cases:
        return None, "rules were not blended in: there is no validation split to compare them on"
    name, longest = split_metric(metric)
    ks = sorted({min(TOP, longest), longest})

    values = _values_of(recommender, cases, name, ks, exclude_seen=exclude_seen)

    def measure(rules: RuleRetriever) -> Trial:
        return Trial(rules, values(rules, -(-len(cases) // TABLE_USERS)))

    kinds, skipped = _kinds(train, recommender.catalog.size)
    chosen = [
        _best_weight(_best_table(tables, measure), measure).rules
        for tables in track(kinds.values(), "choosing rules", len(kinds))
    ]
    trials = [Trial(rules, values(rules)) for rules in chosen]
    names = " and ".join(f"{name}@{k}" for k in ks)
    return _choose(trials, values(None), names, list(skipped.values()))


def refit_rules(
    earlier: RuleRetriever | None,
    recommender: Recommender,
    train: Histories,
    valid: Sequence[Case],
    *,
    metric: str,
    exclude_seen: bool,
) -> tuple[RuleRetriever | None, str]:
    """Make the rules of an earlier artifact from new histories, with its kind and weight.

    Args:
        earlier: Rules of the earlier artifact; without them there are none.
        recommender: Recommender without rules.
        train: Histories from which the rules are made.
        valid: Validation cases. Without any, the first table of the kind is used.
        metric: Metric that chooses among the tables of the kind.
        exclude_seen: Exclude the items of the history from lists.

    Returns:
        The rules, and a sentence that describes them; None without rules in the earlier artifact,
        or if their kind cannot be made from these histories.

    Cost: that of one kind of table, and one search for ``TABLE_USERS`` users.
    """
    if earlier is None:
        return None, "rules were not blended in, as in the earlier artifact"
    how = (
        f"{earlier.kind} was blended in with weight {earlier.weight:g}, as in the earlier artifact"
    )
    kinds, skipped = _kinds(train, recommender.catalog.size)
    if earlier.kind not in kinds:
        unknown = f"{earlier.kind} of the earlier artifact is no kind of rules that is fitted"
        return None, f"rules were not blended in: {skipped.get(earlier.kind, unknown)}"
    tables = (
        replace(rules, weight=earlier.weight, recency=earlier.recency)
        for rules in kinds[earlier.kind]
        if rules.recency == RECENCIES[0]  # each table once
    )
    cases = evenly_spread_with_history(valid, TABLE_USERS)
    if not cases:
        return next(tables), how
    name, longest = split_metric(metric)
    values = _values_of(recommender, cases, name, [longest], exclude_seen=exclude_seen)
    with stage("choosing rules"):
        return max(tables, key=values), how


def _values_of(
    recommender: Recommender, cases: Sequence[Case], name: str, ks: Sequence[int], *,
    exclude_seen: bool,
) -> Callable[..., tuple[float, ...]]:  # fmt: skip
    """Return a function that measures rules on candidates that are found once."""
    with stage("finding candidates for rules"):
        depth = max(REFERENCE, ks[-1])
        found = find_once(recommender, cases, depth=depth, exclude_seen=exclude_seen)

    def values(rules: RuleRetriever | None, every: int = 1) -> tuple[float, ...]:
        """Return the metric of every n-th user per length in ``ks``."""
        recommend = found.lists(rules, every)
        metrics = evaluate(recommend, cases[::every], ks=ks, only=(name,)).metrics
        return tuple(metrics[f"{name}@{k}"] for k in ks)

    return values


def _choose(
    trials: list[Trial], plain: tuple[float, ...], names: str, skipped: Sequence[str]
) -> tuple[RuleRetriever | None, str]:
    """Return the best rules if they gain enough, and a sentence that describes the decision.

    Rules that lower one of the metrics are not used: the end of the list must not pay for its top.
    """

    def lowers(trial: Trial) -> bool:
        return any(value < alone for value, alone in zip(trial.values, plain, strict=True))

    # Ties go to the first kind.
    best, *rest = sorted(trials, key=lambda trial: (lowers(trial), -trial.score))
    others = ", ".join([*map(str, rest), *skipped])
    if lowers(best) or best.score <= MIN_GAIN * Trial(best.rules, plain).score:
        return None, (
            f"rules were not blended in: none raised {names} on validation ({_joined(plain)}) by "
            f"2 % and lowered neither; with rules: {best}, {others}"
        )
    return best.rules, (
        f"{best.rules.kind} was blended in with weight {best.rules.weight:g} and recency "
        f"{best.rules.recency:g}: it raised {names} on validation from {_joined(plain)} to "
        f"{_joined(best.values)}; others: {others}"
    )


def _best_table(tables: Iterator[RuleRetriever], measure: Measure) -> Trial:
    """Return the best trial of several tables at ``FIRST_WEIGHTS``; ties go to the first."""
    trials = (measure(replace(rules, weight=w)) for rules in tables for w in FIRST_WEIGHTS)
    return max(trials, key=lambda trial: trial.score)


def _best_weight(best: Trial, measure: Measure) -> Trial:
    """Return the best trial with the same table: lower or raise the weight while that helps."""
    for step in (-1, 1):
        place = WEIGHTS.index(best.rules.weight)
        for weight in WEIGHTS[place + step :: step] if place + step >= 0 else ():
            trial = measure(replace(best.rules, weight=weight))
            if trial.score <= best.score:
                break
            best = trial
    return best


def _kinds(
    train: Histories, size: int
) -> tuple[dict[str, Iterator[RuleRetriever]], dict[str, str]]:
    """Return the tables to compare by kind, with weight 0, and why the other kinds are not tried.

    A table is made when it is read, so that at most two are in memory.
    """
    kinds, skipped = {SEQUENTIAL: _sequential_rules(train, size)}, {}
    pairs = int((train.lengths.astype(np.int64) ** 2).sum())
    if pairs <= PAIRS_UP_TO:
        kinds["item-knn"] = _item_knn(train, size)
    else:
        skipped["item-knn"] = (
            f"item-knn was not tried ({pairs:,} pairs of events are more than {PAIRS_UP_TO:,})"
        )
    fault = _fault_of_ease(train, size - 1)
    if fault is None:
        kinds["ease"] = _ease(train, size)
    else:
        skipped["ease"] = f"ease was not tried ({fault})"
    return kinds, skipped


def _fault_of_ease(train: Histories, items: int) -> str | None:
    """Return why EASE is not tried; None if it is."""
    if items > EASE_UP_TO:
        return f"{items:,} items are more than {EASE_UP_TO:,}"
    try:
        check_squares(train, EASE_L2)
    except DataError as error:
        return str(error).removesuffix(".")
    return None


def _sequential_rules(train: Histories, size: int) -> Iterator[RuleRetriever]:
    for backward, alpha, beta in VARIANTS:
        yield RuleRetriever.count(
            train, size, backward=backward, alpha=alpha, beta=beta, weight=0.0
        )


def _item_knn(train: Histories, size: int) -> Iterator[RuleRetriever]:
    for shrink in KNN_SHRINKS:
        table = cosine_similarities(train, size, neighbours=NEIGHBOURS, shrink=shrink)
        yield from (RuleRetriever(table, 0.0, "item-knn", recency) for recency in RECENCIES)


def _ease(train: Histories, size: int) -> Iterator[RuleRetriever]:
    # EASE also has negative weights, but the share of an item cannot be negative. Keeping only the
    # strongest positive weights loses little (docs/lab.md).
    table = keep_strongest_positive(ease_weights(train, size, EASE_L2), NEIGHBOURS)
    yield from (RuleRetriever(table, 0.0, "ease", recency) for recency in RECENCIES)


def _joined(values: Sequence[float]) -> str:
    return " and ".join(f"{value:.4f}" for value in values)
