"""What is set on validation after training: whether rules stand beside the interests."""

from collections.abc import Sequence
from functools import partial

from prismrec.channel import Rules
from prismrec.data.histories import Histories
from prismrec.data.split import Case
from prismrec.evaluation import evaluate
from prismrec.recommender import Recommender

WEIGHTS = (0.25, 0.5, 1.0, 2.0, 4.0)
ENOUGH = 1.02
"""Times what it was that the metric must become: below, the rules are not worth their time."""
VARIANTS = ((0.5, 0.3), (0.0, 0.0))
"""``backward`` and ``beta`` of the rules, for dense and for sparse data: those of the baseline."""


def fit_rules(
    recommender: Recommender,
    train: Histories,
    valid: Sequence[Case],
    *,
    metric: str = "recall@50",
    filter_seen: bool = True,
) -> tuple[Rules | None, str]:
    """Find the rules that help a recommender most, if any do.

    Args:
        recommender: Without rules.
        train: What the rules are counted in.
        valid: Cases of validation.
        metric: What is to rise.
        filter_seen: Leave out every item of the history.

    Returns:
        The rules, or None, and a sentence for people.

    Cost: an evaluation of ``valid`` for each variant and weight, eleven in all.
    """
    if not valid:
        return None, "no rules beside the interests: there was no validation to weigh them by"
    name, _, k = metric.partition("@")

    def value(rules: Rules | None) -> float:
        recommend = partial(recommender.with_rules(rules).ranked, filter_seen=filter_seen)
        return evaluate(recommend, valid, ks=(int(k),), only=(name,)).metrics[metric]

    plain = value(None)
    best, highest = None, ENOUGH * plain
    for backward, beta in VARIANTS:
        counted = Rules.count(
            train, recommender.catalog.size, backward=backward, beta=beta, weight=0.0
        )
        for weight in WEIGHTS:
            rules = Rules(counted.table, weight)
            found = value(rules)
            if found > highest:
                best, highest = rules, found
    if best is None:
        return None, f"no rules beside the interests: none raised {metric} from {plain:.4f} by 2 %"
    return best, (
        f"rules beside the interests at weight {best.weight:g} raised {metric} on validation from "
        f"{plain:.4f} to {highest:.4f}"
    )
