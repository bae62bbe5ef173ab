"""What a model comes from besides its events, and the check of the arguments of ``fit``."""

from dataclasses import dataclass

from prismrec.data import Catalog, ItemContent, Split
from prismrec.errors import check_type
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


def check_arguments(
    split: Split, catalog: Catalog, config: RunConfig, training: TrainConfig, sources: Sources
) -> None:
    """Check the arguments of ``fit``.

    Raises:
        ConfigError: An argument has another type.
        DataError: See ``check_content``.
    """
    check_type("split", split, Split, "a Split; make one with split_by_user(dataset)")
    check_type("catalog", catalog, Catalog, "a Catalog; pass dataset.catalog")
    needed = "a RunConfig; write config=RunConfig(…), and training=TrainConfig(…)"
    check_type("config", config, RunConfig, needed)
    check_type("training", training, TrainConfig, "a TrainConfig; write training=TrainConfig(…)")
    check_type("sources", sources, Sources, "a Sources; write sources=Sources(start=…)")
    if sources.content is not None:
        check_content(sources.content, catalog, split.train.counts(catalog.size))
