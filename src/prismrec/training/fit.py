"""From a split to a recommender in one call: the product's default, or any other of its parts.

    trained = fit(split, data.catalog)                         # prism, settings by rule
    trained = fit(split, data.catalog, RunConfig(extractor="sa", interests=8))
    trained.recommender.recommend(["A", "B"], 10)

What is not given is decided by the rules of ``defaults``; ``trained.settings`` says what it came
to. Whoever wants other parts than these names reach builds a ``Model`` and calls ``train``.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch

from prismrec.data import Catalog, Split
from prismrec.errors import ConfigError
from prismrec.evaluation import describe_environment, evaluate
from prismrec.models import (
    EXTRACTORS,
    LOSSES,
    READOUTS,
    REGULARIZERS,
    SAMPLERS,
    ItemCategories,
    Model,
    Prism,
    Similarity,
    losses,
)
from prismrec.recommend import Recommender, build_recommender
from prismrec.registry import build, resolve
from prismrec.retrieval import INDEXES
from prismrec.training.config import TrainConfig
from prismrec.training.defaults import (
    DENSE_GRADIENTS_UP_TO,
    DatasetStats,
    dataset_stats,
    defaults_for,
    with_defaults,
)
from prismrec.training.initialize import init_from_cooccurrence
from prismrec.training.loop import Step, TrainResult, train
from prismrec.training.objective import Objective
from prismrec.training.select import fit_rule_retriever, prune_interests

T = TypeVar("T")
MEASURED = 256
"""Users on whose interests the index is measured."""


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """What a run is made of: names of parts and their sizes."""

    extractor: str = "prism"
    """From a history to interests: prism, sa, dr, mind, transformer, gru, mean, or module:Class.
    What is not given below follows from it and from the data; what it came to is told."""
    dim: int = 64
    """Width D of item and interest vectors."""
    interests: int | None = None
    """Number K of interests; 4 if not given, 1 for an extractor that gives one, 2 for prism on data
    of fewer than 25 events an item."""
    max_len: int | None = None
    """Events of a history that the model reads, the newest. 50 if not given; 200 for prism on dense
    data with strike-seen."""
    options: dict[str, Any] = field(default_factory=dict)
    """Options of the extractor, as --set hidden=256."""
    readout: str | None = None
    """How interests meet a target in training: hard, soft, maxsim, lse, mixture. If not given:
    mixture for prism, else lse."""
    loss: str = "softmax"
    """softmax, gbce, bce, bpr or hard_negatives."""
    negatives: int | None = None
    """Items a target is scored against; 0 is the whole catalog. If not given: for prism a quarter
    of the catalog, at most 1 024; else the whole catalog up to 50 000 items, 2 048 beyond."""
    sampler: str | None = None
    """Where negatives come from: uniform, popularity, log_uniform, in_batch, mixed, union. If not
    given: union for prism, else uniform."""
    similarity: Similarity | None = None
    """Score by cosine or by dot product. If not given: dot for prism, else cosine."""
    temperature: float | None = None
    """Logits are divided by it; 0.07 for cosine and 1 for dot if not given."""
    dropout: float | None = None
    """Share of each history vector's numbers set to 0 in training. 0.2 if not given; for prism on
    data of fewer than 25 events an item 0.3, or 0.5 where validation asks for one next event."""
    tie_embeddings: bool | None = None
    """Search another table than histories are read through, with a bias for each item. If not
    given: for prism."""
    init: Literal["cooccurrence", "random"] | None = None
    """Where item vectors start: from what followed what, for untied ones, or at random. If not
    given: cooccurrence for prism."""
    categories: bool | None = None
    """While training, let items of a category share a part of their vectors, so that what is known
    of many helps the rare. If not given: for prism, where two items share a category."""
    mask_history_negatives: bool | None = None
    """Let a history's items be no negatives of what comes next. If not given: for prism on data of
    25 events an item and more, where lists leave them out (filter-seen)."""
    routing_variance: float = 0.0
    """Weight of REMI's routing regulariser."""
    disagreement: float = 0.0
    """Weight of the mean cosine between a user's interests."""
    exclude_seen: bool | None = None
    """Validate on lists without the items of the history. If not given: where nobody takes an item
    twice."""
    rules: bool | None = None
    """Let sequential rules stand beside the interests where validation rises by 2 % or more; if
    not given: with prism. What is to rise is the validation metric, or ndcg@10 where validation
    asks for the next event alone."""
    index: str = "auto"
    """What serves the item vectors: exact, ivf-flat, ivf-sq8, pgvector, or auto: exact up to
    200 000 items, then ivf-sq8 if it finds .95 of what exact finds, measured on real interests."""
    validate_on: Literal["recall", "ndcg", "hit_rate"] = "recall"
    """Validation metric, at 50."""


@dataclass(frozen=True)
class Trained:
    """A trained recommender and how it came about."""

    recommender: Recommender
    result: TrainResult
    settings: dict[str, Any]
    """All settings of the run, settled: flat, JSON."""
    notes: dict[str, str]
    """Why the index is what it is, which interests were retired, whether rules stand beside."""


def fit(
    split: Split,
    catalog: Catalog,
    config: RunConfig = RunConfig(),
    training: TrainConfig = TrainConfig(),  # noqa: B008 -- frozen
    *,
    folder: str | Path | None = None,
    resume: bool = False,
    on_step: Callable[[Step], None] | None = None,
) -> Trained:
    """Train one model and give it as a recommender with a measured index.

    Ctrl-C ends the training after the step it is in: what is given is then of the best weights so
    far, without rules, and ``trained.result.interrupted`` says so.

    Args:
        split: Trained on ``train``; the best weights, the interests that stay and the rules
            beside them are chosen on ``valid``.
        catalog: Of the data set.
        config: Parts and sizes.
        training: How to train.
        folder: Where checkpoints go; none are written without one.
        resume: Go on from them.
        on_step: Told of every step.

    Raises:
        ConfigError: Settings that do not go together.
        UnknownName: A part of a name that there is not.
        DataError, TrainingError: See ``train``.
    """
    stats = dataset_stats(split, catalog)
    config, training = resolve_defaults(config, training, stats)
    model = untrained(config, split, catalog, training.seed, resume=resume)

    def validate() -> float:
        recommender = Recommender.exact(model, catalog)
        recommend = partial(recommender.ranked, exclude_seen=require(config.exclude_seen))
        report = evaluate(recommend, split.valid, ks=(50,), only=(config.validate_on,))
        return report.metrics[f"{config.validate_on}@50"]

    result = train(
        model,
        split.train,
        training,
        make_objective(config, torch.from_numpy(split.train.counts(catalog.size))),
        validate=validate if split.valid else None,
        on_step=on_step,
        folder=Path(folder) if folder is not None else None,
        resume=resume,
    )
    settings = {f.name: getattr(part, f.name) for part in (config, training) for f in fields(part)}
    some = [split.train[user] for user in range(min(len(split.train), MEASURED))]
    recommender, choice = build_recommender(model.cpu(), catalog, some, index=config.index)
    notes: dict[str, str] = {}
    if not result.interrupted:
        recommender, notes = tuned(recommender, config, stats, split)
    return Trained(recommender, result, settings, {"index": choice.reason, **notes})


def untrained(
    config: RunConfig, split: Split, catalog: Catalog, seed: int, *, resume: bool = False
) -> Model:
    """Make the model that training starts from; one that is resumed has its vectors elsewhere."""
    model = make_model(config, catalog.size, seed)
    memberships = item_categories_of(catalog) if config.categories else None
    if memberships is not None:
        model.add_category_embeddings(memberships)
    if config.init == "cooccurrence" and not resume:
        init_from_cooccurrence(
            model, split.train, seed=seed, memberships=memberships,
            clusters=model.extractor.clusters if isinstance(model.extractor, Prism) else 0,
        )  # fmt: skip
    return model


def tuned(
    recommender: Recommender, config: RunConfig, stats: DatasetStats, split: Split
) -> tuple[Recommender, dict[str, str]]:
    """Set on validation what is not trained: which interests stay, and rules beside them."""
    exclude_seen = require(config.exclude_seen)
    notes = {}
    pruned = prune_interests(recommender, split.valid, exclude_seen=exclude_seen)
    if pruned:
        notes["interests"] = pruned
    if config.rules:
        # Who asks for one next event looks at the head of the list.
        metric = f"{config.validate_on}@50" if stats.multi_step_targets else "ndcg@10"
        rules, notes["rules"] = fit_rule_retriever(
            recommender, split.train, split.valid, metric=metric, exclude_seen=exclude_seen
        )
        recommender = recommender.with_rules(rules)
    return recommender, notes


def resolve_defaults(
    config: RunConfig, training: TrainConfig, stats: DatasetStats
) -> tuple[RunConfig, TrainConfig]:
    """Fill in what was not given, by the rules of ``defaults``."""
    kind = resolve("extractor", config.extractor, EXTRACTORS)
    if config.index != "auto":
        resolve("index", config.index, INDEXES)  # an unknown name is better told before training
    rules = defaults_for(
        kind,
        stats,
        exclude_seen=config.exclude_seen,
        mask_history_negatives=config.mask_history_negatives,
    )
    config = with_defaults(config, rules)
    sparse = stats.items > DENSE_GRADIENTS_UP_TO and config.negatives != 0
    temperature = 0.07 if config.similarity == "cosine" else 1.0
    config = with_defaults(config, {"temperature": temperature})
    if kind is Prism:
        config = replace(config, options={"block": stats.dense, **config.options})
    return config, with_defaults(training, rules | {"sparse": sparse})


def with_one_interest(config: RunConfig) -> RunConfig:
    """Give the same run with one interest: a head, for one has nothing to cluster apart from."""
    options = {name: value for name, value in config.options.items() if name != "clusters"}
    return replace(config, interests=1, options=options)


def item_categories_of(catalog: Catalog) -> ItemCategories:
    """Give which items share which categories.

    Raises:
        ConfigError: No two items share one.
    """
    found = ItemCategories.of(catalog.category_indptr, catalog.category_ids)
    if not found.number:
        raise ConfigError(
            "categories was asked for, but no two items of this data set share a category; "
            "prepare it with --items, or train with --no-categories."
        )
    return found


def make_model(config: RunConfig, size: int, seed: int) -> Model:
    """Make a model with weights drawn from ``seed``; the global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        extractor = build(
            "extractor", config.extractor, EXTRACTORS, config.options,
            dim=config.dim, interests=require(config.interests), max_len=require(config.max_len),
        )  # fmt: skip
        return Model(
            size,
            extractor,
            similarity=require(config.similarity),
            temperature=require(config.temperature),
            dropout=require(config.dropout),
            tie_embeddings=require(config.tie_embeddings),
            normalized=config.readout == "mixture",
            mask_history_negatives=require(config.mask_history_negatives),
        )


def make_objective(config: RunConfig, counts: torch.Tensor) -> Objective:
    """Look up what is minimised."""
    loss: Callable[..., torch.Tensor] = resolve("loss", config.loss, LOSSES)
    if loss is losses.gbce:
        others = max(len(counts) - 2, 1)  # without padding and the target
        loss = partial(losses.gbce, sampling_rate=min(1.0, (config.negatives or others) / others))
    sampler = resolve("sampler", require(config.sampler), SAMPLERS)
    terms = {name: getattr(config, name) for name in REGULARIZERS}
    return Objective(
        loss=loss,
        readout=resolve("readout", require(config.readout), READOUTS),
        negatives=sampler(counts, config.negatives) if config.negatives else None,
        regularizers={n: (REGULARIZERS[n], weight) for n, weight in terms.items() if weight},
    )


def require(value: T | None) -> T:
    """Give a setting's value.

    Raises:
        ConfigError: It has none: the settings were not settled.
    """
    if value is None:
        raise ConfigError("A run's settings are not settled; call settle first.")
    return value


def run_record(trained: Trained, dataset: dict[str, Any], how: str) -> dict[str, Any]:
    """Give what the artifact's manifest says of a run."""
    return {
        "run": trained.settings,
        "result": run_summary(trained),
        **trained.notes,
        "dataset": {n: dataset[n] for n in ("fingerprint", "ids_fingerprint", "split")},
        "split": how,
        **describe_environment(),
    }


def run_summary(trained: Trained) -> dict[str, Any]:
    """Give what a run came to."""
    result = trained.result
    return {
        "steps": result.steps,
        "best_step": result.best_step,
        "validation": result.best,
        "seconds": round(result.seconds, 1),
        "pairs_per_second": round(result.pairs_per_second),
    }
