"""From a resolved ``RunConfig`` to the model that training starts from, and to its objective."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

import torch

from prismrec.data import Catalog, Histories, Split
from prismrec.errors import ConfigError
from prismrec.models import (
    EXTRACTORS,
    LOSSES,
    READOUTS,
    REGULARIZERS,
    SAMPLERS,
    Extractor,
    ItemCategories,
    Model,
    Prism,
    Readout,
    losses,
)
from prismrec.registry import build, options_of, resolve
from prismrec.training.initialize import init_from_cooccurrence
from prismrec.training.objective import Objective
from prismrec.training.run_config import RunConfig, require
from prismrec.training.seeding import seeded

F = TypeVar("F", bound=Callable[..., object])


def build_initial_model(
    config: RunConfig, split: Split, catalog: Catalog, seed: int, *, resume: bool = False
) -> Model:
    """Build the model that training starts from.

    Args:
        config: Resolved.
        split: Its training histories initialise the item vectors.
        catalog: Catalog of the data set.
        seed: Seed of the weights.
        resume: Skip the initial item vectors; a checkpoint has them.
    """
    model = build_model(config, catalog.size, seed)
    item_categories = shared_categories(catalog) if config.categories else None
    if item_categories is not None:
        model.add_category_embeddings(item_categories)
    if config.init == "cooccurrence" and not resume:
        trained = model.extractor.clusters if isinstance(model.extractor, Prism) else 0
        clusters = trained if config.init_clusters is None else config.init_clusters
        init_from_cooccurrence(
            model, split.train, seed=seed, item_categories=item_categories, clusters=clusters
        )
    return model


def build_model(config: RunConfig, size: int, seed: int) -> Model:
    """Build a model of random weights from ``seed``; the global generator does not change."""
    with seeded(seed):
        extractor = build(
            "extractor", config.extractor, EXTRACTORS, config.options, subclass_of=Extractor,
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


def shared_categories(catalog: Catalog) -> ItemCategories:
    """Return the categories that several items share.

    Raises:
        ConfigError: No two items share a category.
    """
    item_categories = ItemCategories.of(catalog.category_indptr, catalog.category_ids)
    if not item_categories.number:
        raise ConfigError(
            "categories was set, but no two items of this data set share a category; prepare the "
            "data set with --items, or train with --no-categories."
        )
    return item_categories


DISLIKE_WEIGHT = 10.0
"""Weight of a disliked item in the loss, if none is set."""


def build_objective(
    config: RunConfig,
    counts: torch.Tensor,
    dislikes: Histories | None = None,
    *,
    target_counts: Callable[[], torch.Tensor] | None = None,
) -> Objective:
    """Build the objective of a run.

    Args:
        config: Resolved.
        counts: Training events per item, ``[V]``.
        dislikes: Disliked items of the training users, if anything marks dislikes.
        target_counts: Computes how often each item is a target, ``[V]``; None: about as often as in
            ``counts``. It is called if the sampler has this keyword-only argument.

    Raises:
        ConfigError: ``dislike_weight`` is set above 0, but there are no dislikes or the loss is no
            softmax.
    """
    loss: Callable[..., torch.Tensor] = _resolve_function("loss", config.loss, LOSSES)
    sampler = _resolve_function("sampler", require(config.sampler), SAMPLERS)
    if target_counts is not None and config.negatives and "target_counts" in options_of(sampler):
        sampler = partial(sampler, target_counts=target_counts())
    weights = {name: getattr(config, name) for name in REGULARIZERS}
    dislike_weight = _dislike_weight(config, loss, dislikes)
    return Objective(
        loss=loss,
        readout=resolve("readout", require(config.readout), READOUTS, instance_of=Readout),
        negatives=sampler(counts, config.negatives) if config.negatives else None,
        regularizers={n: (REGULARIZERS[n], weight) for n, weight in weights.items() if weight},
        dislikes=dislikes if dislike_weight else None,
        dislike_weight=dislike_weight or 1.0,
        clusters=config.train_clusters or 0,
    )


def _dislike_weight(
    config: RunConfig, loss: Callable[..., torch.Tensor], dislikes: Histories | None
) -> float:
    """Return the weight of disliked items in the loss; 0 if they are not used.

    Raises:
        ConfigError: A weight above 0 was set, but there are no dislikes.
    """
    if config.dislike_weight is None:
        return DISLIKE_WEIGHT if dislikes is not None and losses.is_softmax(loss) else 0.0
    if config.dislike_weight and dislikes is None:
        raise ConfigError(
            f"dislike_weight is {config.dislike_weight}, but the data set has no dislikes; prepare "
            "it with --dislikes, or set the weight to 0."
        )
    return config.dislike_weight


def _resolve_function(kind: str, name: str, table: Mapping[str, F]) -> F:
    """Look up a function by name or ``module:function``.

    Raises:
        UnknownName: There is no function of that name.
        ConfigError: It is not callable.
    """
    function = resolve(kind, name, table)
    if not callable(function):
        raise ConfigError(
            f"The {kind} {name!r} was given, but it is of type {type(function).__name__}; name a "
            "function."
        )
    return function
