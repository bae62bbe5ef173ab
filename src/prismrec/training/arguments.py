"""What a model comes from besides its events, and the check of the arguments of ``fit``."""

from dataclasses import dataclass

from prismrec.data import Catalog, ItemContent, Split
from prismrec.errors import DataError, check_type
from prismrec.evaluation import check_cases, check_items
from prismrec.training.config import TrainConfig
from prismrec.training.fit_projection import check_content
from prismrec.training.run_config import RunConfig
from prismrec.training.warm_start import WarmStart


@dataclass(frozen=True, kw_only=True, repr=False)
class Sources:
    """What a model comes from besides the events of its data set."""

    start: WarmStart | None = None
    """Begin with the weights of an earlier artifact; ``start.settings`` returns the settings."""
    content: ItemContent | None = None
    """Content vectors, for items without events and rare items: see ``fit_projection``."""

    def __post_init__(self) -> None:
        """Raise ConfigError for a value of another type, such as the path of an artifact."""
        needed = "a WarmStart; write WarmStart.read(folder)"
        check_type("start", self.start, WarmStart | None, needed)
        needed = "ItemContent; write ItemContent.of(ids, vectors) or read_item_content(path)"
        check_type("content", self.content, ItemContent | None, needed)


def check_arguments(
    split: Split, catalog: Catalog, config: RunConfig, training: TrainConfig, sources: Sources
) -> None:
    """Check the arguments of ``fit``.

    Raises:
        ConfigError: An argument has another type.
        DataError: The catalog is of another data set than the split; and see ``check_content``.
    """
    check_type("split", split, Split, "a Split; make one with split_by_user(dataset)")
    check_type("catalog", catalog, Catalog, "a Catalog; pass dataset.catalog")
    needed = "a RunConfig; write config=RunConfig(…), and training=TrainConfig(…)"
    check_type("config", config, RunConfig, needed)
    check_type("training", training, TrainConfig, "a TrainConfig; write training=TrainConfig(…)")
    check_type("sources", sources, Sources, "a Sources; write sources=Sources(start=…)")
    _check_same_items(split, catalog)
    if sources.content is not None:
        check_content(sources.content, catalog, split.train.weighted_counts(catalog.size))


def _check_same_items(split: Split, catalog: Catalog) -> None:
    """Check that the catalog has the items of the split, with the same numbers.

    Raises:
        DataError: It has others, so that the model would recommend items under wrong ids.
    """
    dataset, items = split.dataset, catalog.size - 1
    if dataset is not None and not catalog.begins_with(dataset.catalog):
        raise DataError(
            f"The catalog has {items:,} items, but not the {dataset.catalog.size - 1:,} items of "
            "the data set that was split, or with other numbers; pass the catalog of this data set."
        )
    found = split.train.items
    lowest, highest = int(found.min(initial=1)), int(found.max(initial=0))
    if lowest < 1 or highest > items:
        wrong = lowest if lowest < 1 else highest
        raise DataError(
            f"A training history of the split has item number {wrong}, but the catalog has the "
            f"items 1 to {items}; pass the catalog of the data set that was split."
        )
    check_cases(split.valid)
    check_items(split.valid, catalog.size)
