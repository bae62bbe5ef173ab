"""Selection on validation after training: which interests to keep, and co-occurrence rules."""

from collections.abc import Sequence
from functools import partial

from prismrec.data import Case, Histories
from prismrec.evaluation import diagnose, evaluate
from prismrec.models import Prism
from prismrec.recommend import Recommender
from prismrec.retrieval import RuleRetriever

WEIGHTS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Weights of the rules to compare."""
FIRST_WEIGHT = 0.5
"""Weight at which the variants of the rules are compared."""
MIN_GAIN = 1.02
"""Factor by which the metric must rise; below it the rules are not worth their time."""
VARIANTS = ((0.5, 0.3, 0.3), (0.5, 0.0, 0.3), (0.0, 0.0, 0.0))
"""``backward``, ``alpha`` and ``beta`` of the rules. The last two are the baseline's, for dense and
for sparse data. The first gives frequent items less weight, since interests already rank popular
items high."""
DIAGNOSED_USERS = 1_000
"""Largest number of validation users for the diagnosis of interests, evenly spread."""
MIN_TARGETS = 300
"""With fewer validation targets no interest is pruned: no wins could be chance."""
RULE_USERS = 5_000
"""Largest number of validation users that compare rules, evenly spread."""


def prune_interests(
    recommender: Recommender, valid: Sequence[Case], *, exclude_seen: bool = True
) -> str | None:
    """Prune the interests of prism that win less than 1 % of the validation targets.

    Every interest costs one search per request. Pruning chooses the number of interests that the
    data needs. The model is changed in place.

    Args:
        recommender: Recommender with the trained model.
        valid: Validation cases; with fewer than ``MIN_TARGETS`` targets nothing is pruned.
        exclude_seen: Exclude the items of the history from lists.

    Returns:
        A sentence that describes the change; None if there is none.

    Cost: a diagnosis of ``DIAGNOSED_USERS`` users.
    """
    extractor = recommender.model.extractor
    if not isinstance(extractor, Prism) or extractor.interests - len(extractor.pruned) == 1:
        return None
    with_history = [case for case in valid if len(case.history)]
    cases = _evenly_spread(with_history, DIAGNOSED_USERS)
    if sum(len(case.targets) for case in cases) < MIN_TARGETS:
        return None
    diagnostics = diagnose(recommender, cases, exclude_seen=exclude_seen)
    usage = diagnostics.usage
    always_active = sorted(extractor.always_active - set(extractor.pruned))
    best = max(always_active, key=lambda number: usage[number])  # one of these must remain
    unused = [number for number in diagnostics.unused if number != best]
    if not unused:
        return None
    extractor.prune({*extractor.pruned, *unused})
    shares = ", ".join(f"{100 * usage[number]:.1f} %" for number in unused)
    kept = extractor.interests - len(extractor.pruned)
    return (
        f"{kept} of {extractor.interests} interests were kept: the others won only {shares} of the "
        "validation targets"
    )


def fit_rule_retriever(
    recommender: Recommender,
    train: Histories,
    valid: Sequence[Case],
    *,
    metric: str = "recall@50",
    exclude_seen: bool = True,
) -> tuple[RuleRetriever | None, str]:
    """Find the co-occurrence rules that improve a recommender most.

    Args:
        recommender: Recommender without rules.
        train: Histories in which the rules are counted.
        valid: Validation cases.
        metric: Metric that the rules must improve by more than ``MIN_GAIN``.
        exclude_seen: Exclude the items of the history from lists.

    Returns:
        The rule retriever, or None if no rules improve the metric enough; and a sentence that
        describes the decision.

    Cost: one evaluation of ``RULE_USERS`` users without rules, one per variant at the first weight,
        and one per other weight with the best variant.
    """
    if not valid:
        return None, "rules were not blended in: there is no validation split to compare them on"
    name, _, k = metric.partition("@")
    cases = _evenly_spread(valid, RULE_USERS)

    def value(rules: RuleRetriever | None) -> float:
        recommend = partial(recommender.with_rules(rules).ranked, exclude_seen=exclude_seen)
        return evaluate(recommend, cases, ks=(int(k),), only=(name,)).metrics[metric]

    plain = value(None)
    size = recommender.catalog.size
    tried = [
        (value(rules), rules)
        for backward, alpha, beta in VARIANTS
        for rules in [
            RuleRetriever.count(
                train, size, backward=backward, alpha=alpha, beta=beta, weight=FIRST_WEIGHT
            )
        ]
    ]
    table = max(tried, key=lambda pair: pair[0])[1].table
    others = [RuleRetriever(table, weight) for weight in WEIGHTS if weight != FIRST_WEIGHT]
    tried += [(value(rules), rules) for rules in others]
    highest, best = max(tried, key=lambda pair: pair[0])
    if highest <= MIN_GAIN * plain:
        return None, (
            f"rules were not blended in: none raised {metric} on validation ({plain:.4f}) by 2 %"
        )
    return best, (
        f"rules were blended in with weight {best.weight:g}: they raised {metric} on validation "
        f"from {plain:.4f} to {highest:.4f}"
    )


def _evenly_spread(cases: Sequence[Case], most: int) -> Sequence[Case]:
    """Return every n-th case, with the smallest n that leaves at most ``most`` cases."""
    return cases[:: max(-(-len(cases) // most), 1)]
