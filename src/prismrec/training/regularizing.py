"""Terms of the loss that cannot change a training: an error, and left out with one interest.

The routing regularizer needs weights of events that are trained by it. Routing (dr, mind) computes
them without gradients, and the weights of gru and mean are fixed. Two interests of a user differ
only if there are two.
"""

from dataclasses import replace
from typing import Any

import torch

from prismrec.errors import ConfigError
from prismrec.models import REGULARIZERS
from prismrec.training.build import build_model
from prismrec.training.run_config import RunConfig
from prismrec.training.seeding import seeded

EVENTS = 3
"""Events of the history for which the terms are computed."""


def check_regularizers(config: RunConfig) -> None:
    """Raise ConfigError for a term of the loss that cannot change the training.

    Args:
        config: Resolved.
    """
    for name in idle_regularizers(config):
        number = "1 interest" if config.interests == 1 else f"{config.interests} interests"
        raise ConfigError(
            f"{name} is {getattr(config, name)}, but it cannot change a training of the extractor "
            f"{config.extractor!r} with {number}; set it to 0, or train several interests with "
            "attention, for example with the extractor 'sa'."
        )


def with_one_interest(config: RunConfig) -> RunConfig:
    """Return the same run with one interest: a head, since one interest needs no clusters.

    Terms of the loss that cannot change its training are left out.
    """
    options = {name: value for name, value in config.options.items() if name != "clusters"}
    single = replace(config, interests=1, options=options, forming=False)
    idle: dict[str, Any] = dict.fromkeys(idle_regularizers(single), 0.0)
    return replace(single, **idle)


def idle_regularizers(config: RunConfig) -> list[str]:
    """Return the names of the terms of the loss that have a weight and cannot change the training.

    Args:
        config: Resolved.
    """
    names = [name for name in REGULARIZERS if getattr(config, name)]
    if not names:
        return []
    model = build_model(config, 2, 0)
    events = min(EVENTS, model.extractor.max_len)
    mask = torch.ones(2, events, dtype=torch.bool)
    with seeded(0):
        items = torch.randn(2, events, model.extractor.dim, requires_grad=True)
        found = model.extractor(items, mask)
        return [
            name
            for name in names
            if not REGULARIZERS[name](found, mask).requires_grad
            or (name == "disagreement" and config.interests == 1)
        ]
