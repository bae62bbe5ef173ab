"""The settings of a training as flags and as TOML: shared by ``train`` and ``tune``."""

import json
from typing import TYPE_CHECKING, Any

from prismrec.cli._headings import (
    COMMON,
    INDEX,
    LOSS,
    MODEL,
    OPTIMIZER,
    VALIDATION,
    under_headings,
)
from prismrec.cli._output import print_note, wrapped
from prismrec.errors import ConfigError
from prismrec.models import EXTRACTORS, LOSSES, READOUTS, SAMPLERS
from prismrec.retrieval import INDEXES
from prismrec.training import RunConfig, TrainConfig

RUN_HEADINGS = (
    (COMMON, "extractor interests dim max_len"),
    (MODEL, "readout similarity temperature dropout tie_embeddings init init_clusters categories"),
    (LOSS, "loss negatives sampler mask_history_negatives dislike_weight"),
    (LOSS, "routing_variance disagreement"),
    (VALIDATION, "validate_on exclude_seen forming rules"),
    (INDEX, "index"),
)
RUN_HELPS = {
    "extractor": f"From history to interests: {', '.join(EXTRACTORS)}, or module:Class.",
    "readout": f"How K interests score an item: {', '.join(READOUTS)}, or module:NAME. "
    "Default: auto.",
    "loss": f"Loss: {', '.join(LOSSES)}, or module:function.",
    "sampler": f"Negatives: {', '.join(SAMPLERS)}, or module:function. Default: auto.",
    "index": f"Index: {', '.join(INDEXES)}, or module:Class; exact/8: 8 shards. auto: by size.",
}
"""Help of the settings that name an entry of a table."""
TRAIN_HEADINGS = (
    (COMMON, "epochs seed"),
    (OPTIMIZER, "steps batch_size targets horizon learning_rate warmup schedule sparse sharded"),
    (OPTIMIZER, "weight_decay ema_decay clip device precision"),
    (VALIDATION, "validate_every patience"),
)
if TYPE_CHECKING:
    RunFlags = RunConfig
    TrainFlags = TrainConfig
else:
    RunFlags = under_headings(RunConfig, RUN_HEADINGS, hidden="options", helps=RUN_HELPS)
    TrainFlags = under_headings(TrainConfig, TRAIN_HEADINGS)


def print_chosen(*settings: str, source: str = "your data", quiet: bool) -> None:
    """Print the settings that were chosen from the data, or are those of an earlier training."""
    text = ", ".join(filter(None, settings))
    if text:
        line = f"Chosen from {source} (override with the flag of the same name): {text}."
        print_note(wrapped(line), quiet=quiet)


def parse_options(pairs: list[str]) -> dict[str, Any]:
    """Parse ``["hidden=256", "positions=slot"]``: values are JSON if they parse, else text.

    Raises:
        ConfigError: A pair has no ``=``.
    """
    options: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise ConfigError(f"--set was given {pair!r}; write NAME=VALUE, as --set hidden=256.")
        try:
            options[name] = json.loads(text)
        except ValueError:
            options[name] = text
    return options
