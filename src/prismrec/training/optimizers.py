"""What moves the weights: Adam, for dense gradients or sparse ones, and the longest of these."""

import torch
from torch import nn

from prismrec.models import Model
from prismrec.training.config import RATE, TrainConfig


def optimizers_of(model: Model, config: TrainConfig) -> list[torch.optim.Optimizer]:
    """Make the optimizers: Adam for all, or SparseAdam for the tables if their gradients are."""
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
        optimizers.append(torch.optim.AdamW(groups, lr=rate, betas=betas, fused=True))
    return optimizers


def clip(model: nn.Module, longest: float) -> float:
    """Scale the gradients down to ``longest`` together; give their length before."""
    values = []
    for parameter in model.parameters():
        if parameter.grad is not None and parameter.grad.is_sparse:
            parameter.grad = parameter.grad.coalesce()
            values.append(parameter.grad.values())
        elif parameter.grad is not None:
            values.append(parameter.grad)
    length = float(nn.utils.get_total_norm(values))
    if length > longest:
        torch._foreach_mul_(values, longest / length)
    return length
