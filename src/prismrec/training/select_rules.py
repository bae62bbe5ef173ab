"""Selection of the rule retriever on validation, after training."""

from collections.abc import Sequence
from functools import partial

from prismrec.data import Case, Histories
from prismrec.evaluation import evaluate
from prismrec.recommend import Recommender
from prismrec.retrieval import RuleRetriever
from prismrec.training.select import evenly_spread

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
RULE_USERS = 5_000
"""Largest number of validation users that compare rules, evenly spread."""


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
    cases = evenly_spread(valid, RULE_USERS)

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
