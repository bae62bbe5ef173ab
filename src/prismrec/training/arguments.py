"""Check the types of the arguments of ``fit``."""

from prismrec.data import Catalog, Split
from prismrec.errors import check_type
from prismrec.training.config import TrainConfig
from prismrec.training.run_config import RunConfig


def check_types(split: Split, catalog: Catalog, config: RunConfig, training: TrainConfig) -> None:
    """Raise ConfigError for an argument of another type."""
    check_type("split", split, Split, "a Split; make one with split_by_user(dataset)")
    check_type("catalog", catalog, Catalog, "a Catalog; pass dataset.catalog")
    needed = "a RunConfig; write config=RunConfig(…), and training=TrainConfig(…)"
    check_type("config", config, RunConfig, needed)
    check_type("training", training, TrainConfig, "a TrainConfig; write training=TrainConfig(…)")
