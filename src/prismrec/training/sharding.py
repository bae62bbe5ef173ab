"""Item tables that are divided by rows among the processes of a training.

    sharded = ShardedTables(model, processes)      # the weight of each table is now a shard
    sharded.fetch(batch, objective)                # the rows of a step, from all processes
    ...                                            # compute the loss, backward
    sharded.sum_gradients()                        # sparse gradients of the own rows
    with sharded.whole(): ...                      # all rows again, to validate or to save

Each process keeps V / N rows of a table, with their moments of Adam and their averages. All draw
the same batch and the same negatives, so all know which rows a step reads, and one sum over the
processes brings these rows to all of them. The gradients of these rows are summed in the same way,
and each process updates its own rows. So a step is the same as with whole tables, except for
rounding.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import torch
from torch import Tensor, distributed, nn

from prismrec.models import FetchedRows, Model
from prismrec.training.config import TrainConfig
from prismrec.training.objective import Objective
from prismrec.training.processes import Processes
from prismrec.types import Batch

SHARDED_ABOVE = 10_000_000
"""Items above which tables are sharded by default: whole tables then need much of a machine."""


def is_sharded(config: TrainConfig, items: int, processes: Processes) -> bool:
    """Return whether a run shards its tables: several processes, sparse gradients, many items.

    With fewer items than the square of the number of processes, a shard could be empty.
    """
    wanted = items > SHARDED_ABOVE if config.sharded is None else config.sharded
    enough = items >= processes.count**2
    return wanted and enough and bool(config.sparse) and processes.count > 1


class ShardedTables:
    """The shards of one process. The tables of the model hold them instead of whole weights.

    Args:
        model: On its device. Its optimizers are made afterwards.
        processes: All processes, two or more.

    Cost: V / N rows per table; a step sends the rows that it reads, and their gradients.
    """

    def __init__(self, model: Model, processes: Processes) -> None:
        self.model, self.processes = model, processes
        self.length = -(-model.size // processes.count)
        """Rows of a shard; the last one may have fewer."""
        places = [min(rank * self.length, model.size) for rank in range(processes.count + 1)]
        self.every_bounds = list(pairwise(places))
        """The first item and the one after the last, of each process."""
        self.bounds = self.every_bounds[processes.rank]
        self.fetched: list[FetchedRows] = []
        for table in model.tables:
            table.weight = nn.Parameter(table.weight.detach()[slice(*self.bounds)].clone())

    def fetch(self, batch: Batch, objective: Objective) -> None:
        """Read the rows of a step from the shards of all processes, until ``sum_gradients``.

        Args:
            batch: The whole batch, before it is divided among processes.
            objective: Its ``negatives`` returns the negatives of this batch.
        """
        searched = [batch.target.flatten(), batch.target.new_zeros(1)]  # 0 is padding
        if objective.negatives:
            searched.append(objective.negatives(torch.Generator(), batch.target).items)
        if batch.disliked is not None:
            searched.append(batch.disliked[batch.target != 0].flatten())
        histories = [batch.history.flatten(), batch.history.new_zeros(1)]
        tied = self.model.outputs is None
        reads = [[*histories, *searched]] if tied else [histories, searched]
        self.fetched = []
        for table, read in zip(self.model.tables, reads, strict=True):
            items = torch.unique(torch.cat(read))
            table.fetched = FetchedRows(items, self._rows(table.weight.detach(), items))
            self.fetched.append(table.fetched)

    def _rows(self, shard: Tensor, items: Tensor) -> Tensor:
        """Return rows of the whole table."""
        rows = shard.new_zeros(len(items), shard.shape[1])
        own, local = self._own(items)
        rows[own] = shard[local]
        distributed.all_reduce(rows)
        return rows

    def _own(self, items: Tensor) -> tuple[slice, Tensor]:
        """Return which of ascending items this process has, and their rows in its shard."""
        bounds = torch.tensor(self.bounds, device=items.device)
        first, last = torch.searchsorted(items, bounds).tolist()
        return slice(first, last), items[first:last] - self.bounds[0]

    def sum_gradients(self) -> None:
        """Sum each gradient over all processes; of a table, keep the gradient of the own rows."""
        for table, fetched in zip(self.model.tables, self.fetched, strict=True):
            table.fetched = None
            gradient = fetched.rows.grad
            total = torch.zeros_like(fetched.rows) if gradient is None else gradient
            distributed.all_reduce(total)
            own, local = self._own(fetched.items[1:])  # not the padding
            table.weight.grad = torch.sparse_coo_tensor(
                local[None],
                total[1:][own],
                table.weight.shape,
                is_coalesced=True,
                check_invariants=True,
            )
        tables = [table.weight for table in self.model.tables]
        self.processes.sum_dense_gradients(self.model, tables)

    def total(self, value: float) -> float:
        """Return the sum of a number over all processes."""
        return self.processes.sums([value], self.model.device)[0]

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Join the shards in every process; the model has its own shard again afterwards.

        Cost: the memory of the whole tables.
        """
        shards = [table.weight.data for table in self.model.tables]
        self.join()
        try:
            yield
        finally:
            for table, shard in zip(self.model.tables, shards, strict=True):
                table.weight.data = shard

    def join(self) -> None:
        """Join the shards of all processes to whole tables."""
        for table in self.model.tables:
            shard = table.weight.data
            padded = shard.new_zeros(self.length, shard.shape[1])
            padded[: len(shard)] = shard
            rows = shard.new_empty(self.processes.count * self.length, shard.shape[1])
            parts = list(torch.split(rows, self.length))
            distributed.all_gather(parts, padded)
            table.weight.data = rows[: self.model.size]
