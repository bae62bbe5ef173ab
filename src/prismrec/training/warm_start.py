"""A warm start: a training that begins with the weights of an earlier artifact.

    start = WarmStart.read("books/")
    config, training = start.settings(RunConfig(), TrainConfig())
    trained = fit(split, data.catalog, config, training, sources=Sources(start=start))

Items are matched by their external ids: the data set may have other items, in another order. Item
vectors, biases and the weights of the extractor are those of the artifact. A new item gets its
vectors as an item that is added to a service does: from its categories, and from the items that
occur near it in histories. The optimizer begins again, with a lower rate and fewer epochs.
"""

from collections.abc import Collection
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from prismrec.data import Catalog, Histories, Split
from prismrec.errors import ConfigError, DataError
from prismrec.io import stage
from prismrec.models import Model
from prismrec.recommend import (
    ArtifactClasses,
    Capabilities,
    Recommender,
    add_items,
    artifact_name,
    attribute_types,
    entry_of,
    read_artifact_manifest,
    read_unchanged,
)
from prismrec.registry import has_type
from prismrec.training.build import build_model, shared_categories
from prismrec.training.config import RATE, TrainConfig, changed_settings
from prismrec.training.earlier_weights import copy_weights, new_items
from prismrec.training.run_config import RunConfig

EPOCHS = 1
"""Passes over the pairs."""
RATE_SHARE = 1 / 3
"""Learning rate, as a share of that of the last training from the beginning."""
OF_MODEL = ("extractor", "dim", "interests", "max_len", "options", "similarity", "tie_embeddings")
"""Settings that the weights depend on: they cannot differ."""
OF_DATA = ("categories", "init", "init_clusters")
"""Settings that are chosen from the data of today."""
OF_TODAY = ("epochs", "steps", "learning_rate", "validate_every", "patience", "seed", "device")
"""Settings of the optimizer that are not those of the earlier training."""
Settings = TypeVar("Settings", RunConfig, TrainConfig)


@dataclass(frozen=True, repr=False)
class WarmStart:
    """An earlier artifact, from which a training begins."""

    recommender: Recommender
    """The artifact, loaded."""
    name: str
    """Short hash of the manifest of the artifact."""
    extractor: str
    """Name of the extractor in the manifest."""
    run: dict[str, Any] = field(default_factory=dict)
    """Settings of the earlier training; empty if the manifest has none."""
    record: dict[str, Any] = field(default_factory=dict)
    """Where the earlier training began; empty if it was not a warm start."""
    folder: str = ""
    """Where it was read."""
    choose: frozenset[str] = frozenset()
    """Of "forming" and "rules", what is chosen on validation again; the rest is reused."""

    @classmethod
    def read(
        cls,
        folder: str | Path,
        classes: ArtifactClasses = ArtifactClasses(),  # noqa: B008 -- frozen
        *,
        choose: Collection[str] = (),
    ) -> "WarmStart":
        """Read an artifact.

        Args:
            folder: The artifact.
            classes: Classes of its parts that are not built in.
            choose: "forming", "rules" or both: what is chosen on validation again.

        Raises:
            DataError: There is no artifact, it is damaged, its extractor is not built in and was
                not named, or a setting in its manifest has a wrong value.
        """
        read = partial(cls._read, written=str(folder), classes=classes, choose=frozenset(choose))
        return read_unchanged(folder, read)

    @classmethod
    def _read(
        cls, folder: Path, *, written: str, classes: ArtifactClasses, choose: frozenset[str]
    ) -> "WarmStart":
        """Return the start of an artifact that nobody replaces meanwhile: see ``read``."""
        manifest = read_artifact_manifest(folder)
        run, start = (dict(entry_of(manifest["about"], name)) for name in ("run", "start"))
        for settings in (RunConfig, TrainConfig):
            _check_types(run, settings, folder)
        return cls(
            classes.load(folder),
            artifact_name(folder),
            manifest["extractor"]["class"],
            run,
            start,
            written,
            choose & {"forming", "rules"},
        )

    @property
    def full_rate(self) -> float:
        """The learning rate of the last training from the beginning."""
        rate = self.record.get("full_learning_rate")
        if isinstance(rate, float) and 0 < rate <= 1:
            return rate
        return float(self.run.get("learning_rate") or RATE)

    def settings(
        self,
        config: RunConfig,
        training: TrainConfig,
        given: Collection[str] | None = None,
    ) -> tuple[RunConfig, TrainConfig]:
        """Return the settings of the earlier training, with those that were given replaced.

        Args:
            config: Parts and sizes.
            training: How to train. Without ``epochs`` and ``steps`` it takes one epoch; without
                ``learning_rate``, a third of that of the last training from the beginning.
            given: Names of the given settings; None for those that differ from their defaults.

        Raises:
            ConfigError: A given setting contradicts the weights; or the earlier training used a
                part that is not built in and was not given.
        """
        if given is None:
            given = {*changed_settings(config), *changed_settings(training)}
        own = self._of_model()
        for name in OF_MODEL:
            wanted = getattr(config, name)
            fits = wanted.items() <= own[name].items() if name == "options" else wanted == own[name]
            if name in given and wanted is not None and not fits:
                raise ConfigError(
                    f"{name} is {wanted}, but the earlier artifact {self.name} has {own[name]}, "
                    f"and a warm start keeps it; leave out {name}, or train from the beginning."
                )
        run = {name: value for name, value in self.run.items() if name not in OF_DATA}
        config = _with_earlier(config, run, given)
        _check_built_in(config, given)
        config = replace(config, **{name: own[name] for name in OF_MODEL if name != "extractor"})
        if ":" not in self.extractor:
            config = replace(config, extractor=self.extractor)
        run = {name: value for name, value in self.run.items() if name not in OF_TODAY}
        training = _with_earlier(training, run, given)
        if training.epochs is None and training.steps is None:
            training = replace(training, epochs=EPOCHS)
        if training.learning_rate is None:
            training = replace(training, learning_rate=RATE_SHARE * self.full_rate)
        return config, training

    def build_model(
        self, config: RunConfig, train: Histories, catalog: Catalog, seed: int
    ) -> tuple[Model, dict[str, Any]]:
        """Build the model that training starts from.

        Args:
            config: Resolved.
            train: Training histories, from which new items get their vectors.
            catalog: Catalog of the data set.
            seed: Seed of the weights that the artifact does not have.

        Returns:
            The model in training mode, and the record of the start for a manifest.

        Raises:
            DataError: No item of the data set is in the artifact.

        Cost: a copy of the model; counting pairs in the histories that have a new item.
        """
        with stage("mapping the earlier item vectors"):
            earlier = self.recommender
            new = new_items(earlier.catalog, catalog, train)
            shared = int((earlier.catalog.numbers_of(catalog) > 0).sum())
            if not shared:
                raise DataError(
                    f"The data set has no item of the earlier artifact {self.name}, so a warm "
                    "start has no vectors; check the ids, or train from the beginning."
                )
            placed = [item for item in new if item.categories or item.related_to]
            larger, known = add_items(earlier.model, earlier.catalog, placed)
            model = build_model(config, catalog.size, seed)
            copy_weights(larger, model, known.numbers_of(catalog))
            if config.categories:
                model.add_category_embeddings(shared_categories(catalog))
        return model, {
            "artifact": self.name,
            "from": self.folder,
            "shared_items": shared,
            "new_items": len(new),
            "new_items_without_vectors": len(new) - len(placed),
            "full_learning_rate": self.full_rate,
            "nights": self.nights + 1,
            "chosen_again": sorted(self.choose),
        }

    def lost(self, split: Split, catalog: Catalog, *, projection: bool) -> dict[str, str]:
        """Return notes on what the artifact has and a training on this data set lacks.

        Args:
            split: Of the data set.
            catalog: Of the data set.
            projection: Whether the training has item vectors.
        """
        weights = split.train.weights is not None
        new = Capabilities(
            attribute_types(catalog), split.dislikes is not None, weights, projection
        )
        found = Capabilities.of(self.recommender).lost(new)
        return {f"lost_{name}": clause for name, clause in found.items()}

    @property
    def nights(self) -> int:
        """Number of warm starts since the last training from the beginning."""
        nights = self.record.get("nights")
        return nights if isinstance(nights, int) else 0

    def _of_model(self) -> dict[str, Any]:
        """Return the settings that the weights depend on."""
        model = self.recommender.model
        options = dict(model.extractor.options)
        sizes = {name: options.pop(name) for name in ("dim", "interests", "max_len")}
        of_model = {name: model.options[name] for name in ("similarity", "tie_embeddings")}
        return {"extractor": self.extractor, "options": options} | sizes | of_model


def describe_start(start: WarmStart, record: dict[str, Any]) -> str:
    """Return a sentence on the start of a training, from its record."""
    items = record["shared_items"] + record["new_items"]
    sentence = (
        f"warm start from {record['artifact']}: it has vectors of {record['shared_items']:,} of "
        f"{items:,} items"
    )
    if record["new_items"]:
        missing = record["new_items_without_vectors"]
        sentence += "; the others got theirs from their categories and related items"
        sentence += f", {missing:,} have neither" if missing else ""
    if not start.run:
        sentence += (
            "; the artifact does not state the settings of its training, so the others were chosen "
            "from the data and the learning rate is a share of the default"
        )
    return sentence


def _with_earlier(settings: Settings, run: dict[str, Any], given: Collection[str]) -> Settings:
    """Return the settings with the earlier values of those that were not given."""
    names = [one.name for one in fields(settings) if one.name in run and one.name not in given]
    return replace(settings, **{name: run[name] for name in names})


def _check_built_in(config: RunConfig, given: Collection[str]) -> None:
    """Check that no file causes an import: a part from outside must be named by the caller.

    Raises:
        ConfigError: A setting of the earlier training names such a part.
    """
    for name in ("extractor", "readout", "loss", "sampler", "index"):
        value = getattr(config, name)
        if name not in given and value is not None and ":" in value:
            raise ConfigError(
                f"{name} of the earlier training was {value!r}, which is not built in; if you "
                f"trust its module, set {name} to it, or set another one."
            )


def _check_types(run: dict[str, Any], settings: type[Any], folder: str | Path) -> None:
    """Check that the settings in a manifest have the types of their fields.

    Raises:
        DataError: One has not.
    """
    for name, hint in get_type_hints(settings).items():
        if name in run and not has_type(run[name], hint):
            raise DataError(
                f"The manifest of {folder} has the setting {name} with the value {run[name]!r}, "
                "which it cannot have; restore the whole folder or train from the beginning."
            )
