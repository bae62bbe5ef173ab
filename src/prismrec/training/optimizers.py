"""Optimizers: Adam for dense or sparse gradients, and gradient clipping."""

import math
from collections.abc import Callable

import torch
from torch import nn

from prismrec.models import Model
from prismrec.training.config import RATE, TrainConfig


def make_optimizers(model: Model, config: TrainConfig) -> list[torch.optim.Optimizer]:
    """Build AdamW for all weights; with ``sparse``, SparseAdam for the item tables."""
    tables = [table.weight for table in model.tables]
    shared = [table.shared for table in model.tables if table.shared is not None]
    others = {id(p) for p in model.parameters()} - {id(p) for p in (*tables, *shared)}
    rest = [p for p in model.parameters() if id(p) in others and p.requires_grad]
    groups = [{"params": rest, "weight_decay": config.weight_decay}] if rest else []
    if shared:
        groups.append({"params": shared, "weight_decay": 0.0})
    optimizers: list[torch.optim.Optimizer] = []
    rate, betas = config.learning_rate or RATE, (0.9, 0.98)
    if config.sparse:
        optimizers.append(torch.optim.SparseAdam(tables, lr=rate, betas=betas))
    else:
        groups.append({"params": tables, "weight_decay": 0.0})
    if groups:
        adam = torch.optim.AdamW(groups, lr=rate, betas=betas, fused=True)
        adam.register_step_post_hook(_count_changes)
        optimizers.append(adam)
    return optimizers


def _count_changes(optimizer: torch.optim.Optimizer, *_: object) -> None:
    """Count a step as a change of the weights, as recommenders check; the fused one does not."""
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    torch.autograd.graph.increment_version(weights)


def clip_gradients(
    model: nn.Module, max_norm: float, total: Callable[[float], float] | None = None
) -> float:
    """Scale the gradients to a total norm of at most ``max_norm``; return the norm before.

    Args:
        model: Its sparse gradients may be those of a shard.
        max_norm: Largest norm.
        total: Returns the sum of a number over all shards; None if tables are whole.
    """
    dense, sparse = [], []
    for parameter in model.parameters():
        if parameter.grad is not None and parameter.grad.is_sparse:
            parameter.grad = parameter.grad.coalesce()
            sparse.append(parameter.grad.values())
        elif parameter.grad is not None:
            dense.append(parameter.grad)
    if total is None:
        norm = float(nn.utils.get_total_norm(dense + sparse))
    else:  # every process has to compute the same number
        squares = total(float(nn.utils.get_total_norm(sparse)) ** 2)
        norm = math.sqrt(float(nn.utils.get_total_norm(dense)) ** 2 + squares)
    if norm > max_norm:
        torch._foreach_mul_(dense + sparse, max_norm / norm)
    return norm
