"""What is set on validation after training: which interests stay, what stands beside them."""

from collections.abc import Sequence
from functools import partial

from prismrec.data import Case, Histories
from prismrec.evaluation import diagnose, evaluate
from prismrec.models import Prism
from prismrec.recommend import Recommender
from prismrec.retrieval import RuleRetriever

WEIGHTS = (0.25, 0.5, 1.0, 2.0, 4.0)
FIRST = 0.5
"""The weight at which variants are compared."""
ENOUGH = 1.02
"""Times what it was that the metric must become: below, the rules are not worth their time."""
VARIANTS = ((0.5, 0.3, 0.3), (0.5, 0.0, 0.3), (0.0, 0.0, 0.0))
"""``backward``, ``alpha`` and ``beta`` of the rules. The last two are the baseline's, for dense and
for sparse data; beside the interests, which know what is popular, frequent items count less."""
DIAGNOSED = 1_000
"""Users of validation on whom the interests are diagnosed at most, evenly spread."""
TELLING = 300
"""Targets of these users below which nothing is retired: winning none of fewer may be chance."""
CASES = 5_000
"""Users of validation that the rules are weighed by at most, evenly spread."""


def prune_interests(
    recommender: Recommender, valid: Sequence[Case], *, exclude_seen: bool = True
) -> str | None:
    """Retire the interests of a prism that win less than 1 % of the targets of validation.

    They cost a search each and bring next to nothing. How many a data set has use for is so found
    rather than set. The model is changed in place.

    Args:
        recommender: Of the trained model.
        valid: Cases of validation; fewer than ``TELLING`` targets retire nothing.
        filter_seen: Leave out every item of the history.

    Returns:
        A sentence for people, or None where all stay.

    Cost: a diagnosis of ``DIAGNOSED`` users.
    """
    extractor = recommender.model.extractor
    if not isinstance(extractor, Prism) or extractor.interests - len(extractor.pruned) == 1:
        return None
    cases = [case for case in valid if len(case.history)]
    cases = cases[:: max(-(-len(cases) // DIAGNOSED), 1)]
    if sum(len(case.targets) for case in cases) < TELLING:
        return None
    found = diagnose(recommender, cases, exclude_seen=exclude_seen)
    always_active = sorted(extractor.always_active - set(extractor.pruned))
    best = max(always_active, key=lambda number: found.usage[number])  # one of these has to stay
    dead = [number for number in found.dead if number != best]
    if not dead:
        return None
    extractor.prune({*extractor.pruned, *dead})
    shares = ", ".join(f"{100 * found.usage[number]:.1f} %" for number in dead)
    left = extractor.interests - len(extractor.pruned)
    return (
        f"{left} of {extractor.interests} interests stay: the others won {shares} of the "
        "targets of validation"
    )


def fit_rule_retriever(
    recommender: Recommender,
    train: Histories,
    valid: Sequence[Case],
    *,
    metric: str = "recall@50",
    exclude_seen: bool = True,
) -> tuple[RuleRetriever | None, str]:
    """Find the rules that help a recommender most, if any do.

    Args:
        recommender: Without rules.
        train: What the rules are counted in.
        valid: Cases of validation.
        metric: What is to rise.
        filter_seen: Leave out every item of the history.

    Returns:
        The rules, or None, and a sentence for people.

    Cost: an evaluation of ``CASES`` without rules, one at weight 1/2 for each variant, and one
        for each other weight with the best variant.
    """
    if not valid:
        return None, "no rules beside the interests: there was no validation to weigh them by"
    name, _, k = metric.partition("@")
    cases = valid[:: -(-len(valid) // CASES)]

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
                train, size, backward=backward, alpha=alpha, beta=beta, weight=FIRST
            )
        ]
    ]
    table = max(tried, key=lambda one: one[0])[1].table
    others = [RuleRetriever(table, weight) for weight in WEIGHTS if weight != FIRST]
    tried += [(value(rules), rules) for rules in others]
    highest, best = max(tried, key=lambda one: one[0])
    if highest <= ENOUGH * plain:
        return None, f"no rules beside the interests: none raised {metric} from {plain:.4f} by 2 %"
    return best, (
        f"rules beside the interests at weight {best.weight:g} raised {metric} on validation from "
        f"{plain:.4f} to {highest:.4f}"
    )
