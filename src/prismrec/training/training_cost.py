"""What a training does and keeps in memory, from its settings and the sizes of the data alone.

    users_of_lists(config, valid=100_000, validations=6, items=200_000)
    bytes_of_training(config, training, sizes, measured)

``estimate`` and ``plan`` use these functions, so that both have one model of a training.
"""

from prismrec.evaluation import KNN_SHRINKS
from prismrec.retrieval import NEIGHBOURS
from prismrec.training.capacity import Coefficients, Predicted
from prismrec.training.config import TrainConfig
from prismrec.training.initialize import CLUSTER_ROUNDS
from prismrec.training.run_config import RunConfig
from prismrec.training.select_forming import FORMING_USERS, FORMINGS
from prismrec.training.select_init import INIT_USERS, may_compare
from prismrec.training.select_rules import (
    EASE_UP_TO,
    FIRST_WEIGHTS,
    PAIRS_UP_TO,
    RECENCIES,
    RULE_USERS,
    TABLE_USERS,
    VARIANTS,
)
from prismrec.training.sizes import Sizes
from prismrec.training.validation import COMPARED_USERS, VALIDATION_USERS

WORKING_BYTES = 200_000_000
"""Of a batch, its gradients, candidates, and code that is loaded when it is first used, about."""
BYTES_PER_RULE = 8
"""Of a table in memory and on disk: a number and a column."""
WEIGHT_TRIALS = 3
"""Further weights that are tried per kind of rules, about."""


def initializations(config: RunConfig, items: int) -> int:
    """Return how often initial item vectors are computed."""
    if config.init != "cooccurrence":
        return 0
    return 2 + CLUSTER_ROUNDS if may_compare(config, items) else 1


def users_of_lists(config: RunConfig, valid: int, validations: int, items: int) -> int:
    """Return for how many validation users lists are made in all, with repetitions.

    Blended lists are not in it: their candidates are found once, which is.
    """
    users = users_of_exact_lists(config, valid, validations, items) + min(valid, COMPARED_USERS)
    if config.forming:
        users += (1 + len(FORMINGS)) * min(valid, FORMING_USERS)
    return users + (min(valid, RULE_USERS) if config.rules else 0)


def users_of_exact_lists(config: RunConfig, valid: int, validations: int, items: int) -> int:
    """Return for how many of them the search is exact: before there is an index."""
    users = validations * min(valid, VALIDATION_USERS)
    return users + (2 * min(valid, INIT_USERS) if may_compare(config, items) else 0)


def rules_tried(sizes: Sizes) -> dict[str, tuple[int, int]]:
    """Return the kinds of rules that are compared: the number of tables and of trials.

    ``sizes`` are those of the training histories.
    """
    kinds = {"sequential": (len(VARIANTS), len(VARIANTS))}
    if sizes.similar <= PAIRS_UP_TO:
        kinds["item-knn"] = (len(KNN_SHRINKS), len(KNN_SHRINKS) * len(RECENCIES))
    if sizes.items <= EASE_UP_TO:
        kinds["ease"] = (1, len(RECENCIES))
    return kinds


def seconds_of_rules(sizes: Sizes, valid: int, measured: Coefficients) -> Predicted:
    """Return the CPU seconds of the tables of rules and of blended lists; without the search."""
    kinds = rules_tried(sizes)
    users = min(valid, RULE_USERS)
    some = min(valid, TABLE_USERS)
    trials = sum(len(FIRST_WEIGHTS) * tried + WEIGHT_TRIALS for _, tried in kinds.values())
    blended = some * trials + users * (len(kinds) + 1)
    total = measured.predict("rules.blend.seconds", sizes).times(blended)
    for kind, (tables, _) in kinds.items():
        total += measured.predict(f"rules.{kind}.seconds", sizes).times(tables)
    return total


def bytes_of_rules(sizes: Sizes, measured: Coefficients) -> Predicted:
    """Return the bytes of all tables of rules while they are made, at most.

    While a table is made there are its finished rows and the best table of the kind so far; when
    its rows are joined, a copy. The best table of a kind is kept until the kinds are compared.
    """
    rules = {
        "sequential": sizes.rules,
        "item-knn": sizes.similar_rules,
        "ease": float(min(NEIGHBOURS, sizes.items) * sizes.items),
    }
    largest, kept = Predicted(0), 0.0
    for kind in rules_tried(sizes):
        table = BYTES_PER_RULE * rules[kind]
        making = measured.predict(f"rules.{kind}.memory", sizes)
        largest = largest.larger(making + Predicted(kept + 2 * table))
        largest = largest.larger(Predicted(kept + 3 * table))
        kept += table
    return largest


def bytes_of_training(
    config: RunConfig,
    training: TrainConfig,
    sizes: Sizes,
    measured: Coefficients,
    *,
    shards: int = 1,
) -> Predicted:
    """Return the bytes of the largest stage of a training, without the data.

    The stages are the initial item vectors, the steps and the tables of rules. Copies of the item
    tables in the steps: the weights, two moments, the averages, the best weights; the gradients
    unless they are sparse; and the vectors that are searched. While rules are made, there are the
    weights and the vectors that are searched.

    Args:
        config: Resolved.
        training: Resolved.
        sizes: Sizes of the training histories.
        measured: Coefficients of the tables of rules.
        shards: Processes that share the tables; to validate, each has the whole weights besides.
    """
    table = 4 * (sizes.items + 1) * (config.dim + 1)
    tables = table if config.tie_embeddings else 2 * table
    copies = 4 + bool(training.ema_decay) + (not training.sparse)
    pairs = 60 * min(10 * sizes.events, 3 * 10**7) if config.init == "cooccurrence" else 0
    # With shards, whole weights besides; at the end also those of the best validation.
    of_shards = max(1 + copies / shards, 2 + (copies - 2) / shards)
    steps = copies * tables if shards == 1 else of_shards * tables
    largest = Predicted(max(steps + table, tables + 4 * table + pairs))
    if config.rules:
        rules = bytes_of_rules(sizes, measured) + Predicted(tables + 2 * table)
        largest = largest.larger(rules)
    return largest + Predicted(WORKING_BYTES)
