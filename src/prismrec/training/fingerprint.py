"""Whose checkpoint it is: what a run must have in common with one to go on from it."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial

import numpy as np
import torch

from prismrec.data import Histories
from prismrec.models import Model
from prismrec.training.config import TrainConfig
from prismrec.training.objective import Objective


def fingerprint(
    model: Model, histories: Histories, config: TrainConfig, objective: Objective
) -> str:
    """Name what a run must have in common with its checkpoint, by a hash.

    Cost: a pass over the events, and one draw of negatives for the whole catalog.
    """
    settings = asdict(config) | {"device": None, "sparse": bool(config.sparse)}
    shapes = {name: list(value.shape) for name, value in model.state_dict().items()}
    made = [type(model.extractor).__qualname__, model.extractor.options, model.options]
    terms = {name: [_named(f), weight] for name, (f, weight) in objective.regularizers.items()}
    functions = [_named(f) for f in (objective.loss, *objective.readout)]
    digest = hashlib.sha256(
        json.dumps([settings, shapes, made, terms, functions], default=str).encode()
    )
    for array in (histories.indptr, histories.items):
        digest.update(np.ascontiguousarray(array).data)
    if model.items.shared is not None:
        for part in (model.items.indptr, model.items.ids):
            digest.update(part.cpu().numpy().data)
    if objective.negatives:  # known by what it draws: what was asked of it is not to be seen
        targets = torch.arange(1, model.size)
        for part in objective.negatives(torch.Generator().manual_seed(0), targets):
            digest.update(part.numpy().data)
    return digest.hexdigest()


def _named(function: Callable[..., object] | None) -> str:
    """Name a function and the options bound to it."""
    if isinstance(function, partial):
        return f"{_named(function.func)} {sorted(function.keywords.items())}"
    return getattr(function, "__qualname__", type(function).__qualname__)
