"""Fingerprint of a run: a checkpoint can only be resumed by a run with the same one."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial

import numpy as np
import torch

from prismrec.data import Histories
from prismrec.models import Model
from prismrec.training.config import TrainConfig
from prismrec.training.negatives import draw_negatives
from prismrec.training.objective import Objective


def fingerprint(
    model: Model, histories: Histories, config: TrainConfig, objective: Objective
) -> str:
    """Compute a hash of the settings, the shapes, the data and the objective of a run.

    Cost: a pass over the events, and one sample of negatives for the whole catalog.
    """
    settings = asdict(config) | {"device": None, "sparse": bool(config.sparse)}
    del settings["sharded"]  # the steps are the same
    shapes = {name: list(value.shape) for name, value in model.state_dict().items()}
    extractor = [type(model.extractor).__qualname__, model.extractor.options, model.options]
    terms = {name: [_describe(f), weight] for name, (f, weight) in objective.regularizers.items()}
    functions: list[object] = [_describe(f) for f in (objective.loss, *objective.readout)]
    functions += [objective.clusters] if objective.clusters else []
    digest = hashlib.sha256(
        json.dumps([settings, shapes, extractor, terms, functions], default=str).encode()
    )
    for array in (histories.indptr, histories.items):
        digest.update(np.ascontiguousarray(array).data)
    for feedback in _feedback(histories, objective):
        digest.update(feedback)
    if model.items.shared is not None:
        for part in (model.items.indptr, model.items.ids):
            digest.update(part.cpu().numpy().data)
    if objective.negatives:  # a sampler is a closure: compare what it draws
        targets, generator = torch.arange(1, model.size), torch.Generator().manual_seed(0)
        for part in draw_negatives(objective.negatives, generator, targets, model.size):
            digest.update(part.numpy().data)
    return digest.hexdigest()


def _feedback(histories: Histories, objective: Objective) -> Iterator[bytes]:
    """Yield the weights of events and the dislikes, as far as the run has them."""
    if histories.weights is not None:
        yield b"weights" + histories.weights.tobytes()
    if objective.dislikes is not None:
        yield f"dislikes {objective.dislike_weight}".encode()
        for array in (objective.dislikes.indptr, objective.dislikes.items):
            yield array.tobytes()


def _describe(function: Callable[..., object] | None) -> str:
    """Return the name of a function and its bound options."""
    if isinstance(function, partial):
        return f"{_describe(function.func)} {sorted(function.keywords.items())}"
    return getattr(function, "__qualname__", type(function).__qualname__)
