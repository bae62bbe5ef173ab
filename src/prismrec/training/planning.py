"""The cost of every step, from log to service, before there is a log.

    for line in plan_costs(Sizes(users=10**6, items=200_000, events=5 * 10**7), measured):
        print(line.step, line.what, line.value, line.unit, line.beyond)

Times are CPU seconds of one core of the machine in ``capacity.json``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from prismrec.data import HELD_OUT
from prismrec.errors import ConfigError, UnknownName
from prismrec.retrieval import AUTOMATIC_INDEX, EXACT_UP_TO
from prismrec.training.capacity import QUANTITIES, Coefficients, Predicted
from prismrec.training.config import EPOCHS, TrainConfig
from prismrec.training.defaults import DatasetStats, resolve_defaults
from prismrec.training.run_config import RunConfig
from prismrec.training.sizes import Sizes
from prismrec.training.training_cost import (
    BYTES_PER_RULE,
    bytes_of_training,
    initializations,
    rules_tried,
    seconds_of_rules,
    users_of_exact_lists,
    users_of_lists,
)

TRAIN_SHARE = 1 - 2 * HELD_OUT
"""Share of the users for training in the default split by user."""
EXACT = "exact"
"""The index that auto is up to ``EXACT_UP_TO`` items; beyond, it is ``AUTOMATIC_INDEX``."""
BUSIEST = 1_000_000_000.0
"""Largest rate of requests per second."""
Unit = Literal["CPU-s", "bytes", "per second", "cores"]


@dataclass(frozen=True)
class Line:
    """One number of a plan."""

    step: str
    """``prepare``, ``train``, ``artifact``, ``lists of all users`` or ``service``."""
    what: str
    value: float
    unit: Unit
    beyond: tuple[str, ...]
    """Sizes in which the number is beyond what was measured; ``length`` is events per user."""


def plan_costs(
    sizes: Sizes, measured: Coefficients, *, index: str = "auto", rate: float | None = None
) -> list[Line]:
    """Estimate the cost of all steps with default settings.

    Args:
        sizes: Sizes of the data and of the model.
        measured: Coefficients, from ``read_coefficients``.
        index: "auto", or an index with coefficients.
        rate: Requests per second that the service must answer; None leaves out its cores.

    Raises:
        UnknownName: There are no coefficients for this index.
        ConfigError: The rate is not above 0, or absurdly large.
    """
    if rate is not None and not 0 < rate <= BUSIEST:
        raise ConfigError(
            f"A service was to be planned for queries_per_second {rate:g}; use a number above 0 "
            f"and up to {BUSIEST:,.0f}."
        )
    kind = _index_of(index, sizes.items)
    return [
        *_prepare(sizes, measured),
        *_train(sizes, measured, kind),
        *_artifact(sizes, measured, kind),
        *_serving(sizes, measured, kind, rate),
    ]


def _index_of(index: str, items: int) -> str:
    """Return the kind of the index; for "auto" that of a catalog of this size."""
    if index == "auto":
        return EXACT if items <= EXACT_UP_TO else AUTOMATIC_INDEX
    prefix, suffix = "index.", ".seconds"
    known = [
        name.removeprefix(prefix).removesuffix(suffix)
        for name in QUANTITIES
        if name.startswith(prefix)
    ]
    if index not in known:
        raise UnknownName.among("index with measured coefficients", index, ["auto", *known])
    return index


def _line(step: str, what: str, predicted: Predicted, unit: Unit) -> Line:
    return Line(step, what, predicted.value, unit, predicted.beyond)


def _prepare(sizes: Sizes, measured: Coefficients) -> Iterator[Line]:
    yield _line("prepare", "time", measured.predict("prepare.seconds", sizes), "CPU-s")
    for what in ("memory", "disk"):
        yield _line("prepare", what, measured.predict(f"prepare.{what}", sizes), "bytes")


def training_of(sizes: Sizes) -> tuple[RunConfig, TrainConfig, Sizes]:
    """Return the default settings of a training, and the sizes of its training histories.

    Its users are those of the default split.
    """
    part = replace(
        sizes,
        users=max(round(TRAIN_SHARE * sizes.users), 1),
        events=max(round(TRAIN_SHARE * sizes.events), sizes.items, 1),
    )
    return *settings_of(part), part


def settings_of(train: Sizes) -> tuple[RunConfig, TrainConfig]:
    """Return the default settings of a training on histories of these sizes.

    Users are assumed not to repeat items, and items to have no categories.
    """
    stats = DatasetStats(
        items=train.items,
        events=train.events,
        dense=train.dense,
        multi_step_targets=True,
        has_repeats=False,
        categories=False,
    )
    config = RunConfig(dim=train.dim, interests=train.interests)
    return resolve_defaults(config, TrainConfig(), stats)


def _train(sizes: Sizes, measured: Coefficients, index: str) -> Iterator[Line]:
    """Yield the numbers of a training with the default split, without early stopping."""
    config, training, part = training_of(sizes)
    pairs = max(part.events - part.users, 1)
    epochs = training.epochs or EPOCHS
    steps = epochs * max(pairs // training.batch_size, 1)
    valid = round(HELD_OUT * sizes.users)
    exact = users_of_exact_lists(config, valid, epochs, sizes.items)
    others = users_of_lists(config, valid, epochs, sizes.items) - exact
    validation = measured.predict("lists.exact.seconds", part).times(exact)
    validation += measured.predict(f"lists.{index}.seconds", part).times(others)
    initial = measured.predict("initial.seconds", part)
    parts = {
        "initial vectors": initial.times(initializations(config, sizes.items)),
        f"steps of {epochs} epochs": measured.predict("step.seconds", part).times(steps),
        "validation": validation,
        "index": measured.predict(f"index.{index}.seconds", part),
    }
    if config.rules:
        parts["tables of rules"] = seconds_of_rules(part, valid, measured)
    total = Predicted(0)
    for what, seconds in parts.items():
        total += seconds
        yield _line("train", what, seconds, "CPU-s")
    yield _line("train", "all of it", total, "CPU-s")
    loaded = measured.predict("load.memory", sizes)
    needed = bytes_of_training(config, training, part, measured)
    yield _line("train", "memory", loaded + needed, "bytes")


def _artifact(sizes: Sizes, measured: Coefficients, index: str) -> Iterator[Line]:
    disk = measured.predict(f"artifact.{index}.disk", sizes)
    yield _line("artifact", f"disk, index {index}", disk, "bytes")
    config, _, part = training_of(sizes)
    if config.rules and rules_tried(part):
        rules = Predicted(BYTES_PER_RULE * part.rules)
        yield _line("artifact", "rules, if blended in", rules, "bytes")


def _serving(
    sizes: Sizes, measured: Coefficients, index: str, rate: float | None
) -> Iterator[Line]:
    """Yield the numbers of lists in batches and of the service."""
    batch = measured.predict(f"lists.{index}.seconds", sizes)
    yield _line("lists of all users", "time", batch.times(sizes.users), "CPU-s")
    request = measured.predict("service.seconds", sizes)
    memory = measured.predict("service.memory", sizes)
    if index != EXACT:
        # The service was measured with exact search: take its other work, and this index's lists.
        request = Predicted(measured.constant("service.seconds")) + batch
        lists = measured.predict(f"artifact.{index}.disk", sizes)
        exact = measured.predict("artifact.exact.disk", sizes)
        memory += lists + exact.times(-1)
    yield _line(
        "service", "requests of one core", replace(request, value=1 / request.value), "per second"
    )
    yield _line("service", "memory of a process", memory, "bytes")
    if rate is not None:
        yield _line("service", f"at {rate:,g} per second", request.times(rate), "cores")
