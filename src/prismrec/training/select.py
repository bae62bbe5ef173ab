"""What is selected on validation after the weights are trained: interests and rules."""

from functools import partial

from prismrec.data import Split
from prismrec.evaluation import list_lengths
from prismrec.recommend import Recommender
from prismrec.training.advise import advise_clusters
from prismrec.training.defaults import DatasetStats
from prismrec.training.popularity import no_better_than_popularity
from prismrec.training.run_config import RunConfig, require
from prismrec.training.select_forming import choose_forming, middle_metric
from prismrec.training.select_interests import prune_interests
from prismrec.training.select_rules import fit_rule_retriever, refit_rules
from prismrec.training.validation import validation_metric
from prismrec.training.warm_start import WarmStart


def select_on_validation(
    recommender: Recommender,
    config: RunConfig,
    stats: DatasetStats,
    split: Split,
    start: WarmStart | None = None,
) -> tuple[Recommender, dict[str, str]]:
    """Choose how interests are formed, prune interests, and fit rules on validation.

    After a warm start, interests are formed as in the earlier artifact, and the rules have its kind
    and weight, unless ``start`` has these among its choices.

    Returns:
        The recommender, and sentences on what was selected.

    Cost: see ``choose_forming``, ``prune_interests``, ``fit_rule_retriever`` and
        ``no_better_than_popularity``.
    """
    exclude_seen = require(config.exclude_seen)
    metric, notes = validation_metric(config.validate_on, stats.items), {}
    if config.forming and start and "forming" not in start.choose:
        recommender = recommender.with_forming(start.recommender.model.forming)
        notes["interests"] = "interests are formed as in the earlier artifact"
    elif config.forming:
        recommender, notes["interests"], reports = choose_forming(
            recommender, split.valid, metric=config.validate_on, exclude_seen=exclude_seen,
            mixed=bool(config.train_clusters),
        )  # fmt: skip
        if recommender.model.forming:
            middle = middle_metric(config.validate_on, recommender)
            advice = advise_clusters(recommender.model.forming, reports, middle)
            notes |= {"advice": advice} if advice else {}
    pruned = prune_interests(recommender, split.valid, exclude_seen=exclude_seen)
    if pruned:
        notes["interests"] = pruned
    if config.rules:
        fit_rules = fit_rule_retriever
        if start and "rules" not in start.choose:
            fit_rules = partial(refit_rules, start.recommender.rules)
        # With one target per user, the first ranks matter.
        top = f"ndcg@{list_lengths(stats.items, 10)[0]}"
        rules, notes["rules"] = fit_rules(
            recommender, split.train, split.valid,
            metric=metric if stats.multi_step_targets else top, exclude_seen=exclude_seen,
        )  # fmt: skip
        recommender = recommender.with_rules(rules)
    warning = no_better_than_popularity(
        recommender, split, metric=metric, exclude_seen=exclude_seen
    )
    return recommender, notes | ({"popularity": warning} if warning else {})
