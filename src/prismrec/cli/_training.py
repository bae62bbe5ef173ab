"""The settings of a training as flags and as TOML: shared by ``train`` and ``tune``."""

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from prismrec.cli._headings import (
    COMMON,
    INDEX,
    LOSS,
    MODEL,
    OPTIMIZER,
    OUTPUT,
    VALIDATION,
    AsJson,
    under_headings,
)
from prismrec.cli._output import print_note, wrapped
from prismrec.errors import ConfigError
from prismrec.io import set_threads
from prismrec.models import EXTRACTORS, LOSSES, READOUTS, SAMPLERS
from prismrec.retrieval import INDEXES
from prismrec.training import RunConfig, TrainConfig

RUN_HEADINGS = (
    (COMMON, "extractor interests dim max_len"),
    (MODEL, "readout similarity temperature dropout tie_embeddings init init_clusters categories"),
    (LOSS, "loss negatives sampler mask_history_negatives dislike_weight"),
    (LOSS, "train_clusters routing_variance disagreement"),
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


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How to run; these options do not change what is trained."""

    threads: Annotated[int | None, Parameter(group=COMMON)] = None
    """Number of threads of torch; on a busy machine, or with several processes, 1 is often
    fastest."""
    quiet: Annotated[bool, Parameter(negative="", show_default=False, group=OUTPUT)] = False
    """Show no progress."""
    as_json: AsJson = False
    """Print one JSON object."""

    @property
    def hides_progress(self) -> bool:
        """Whether no progress is shown."""
        return self.quiet or self.as_json

    def set_threads(self) -> None:
        """Set the number of threads, if it was given."""
        if self.threads is not None:
            set_threads(self.threads)


def print_chosen(*settings: str, source: str = "your data", quiet: bool) -> None:
    """Print the settings that were chosen from the data, or are those of an earlier training."""
    text = ", ".join(filter(None, settings))
    if text:
        line = f"Chosen from {source} (override with the flag of the same name): {text}."
        print_note(wrapped(line), quiet=quiet)


def with_options(run_config: RunConfig, pairs: list[str]) -> RunConfig:
    """Set ``["hidden=256", "positions=slot"]``: values are JSON if they parse, else text.

    Raises:
        ConfigError: A pair has no ``=``.
    """
    options = dict(run_config.options)
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise ConfigError(f"--set was given {pair!r}; write NAME=VALUE, as --set hidden=256.")
        try:
            options[name] = json.loads(text)
        except ValueError:
            options[name] = text
    return replace(run_config, options=options)
