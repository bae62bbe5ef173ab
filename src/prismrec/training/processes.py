"""Training in several processes, which ``torchrun`` starts.

    torchrun --nproc-per-node 2 -m prismrec train data --out model

    with join_processes(os.environ):        # without torchrun there is one process
        train(model, histories, config)

Every process has the whole model, or some rows of the item tables: see ``sharding``. All draw the
same batch and the same negatives from seed and step; each computes the gradients of its part of the
batch, and the sums of all parts are the gradients of the batch. So several processes make the same
steps as one, except for rounding and for dropout, which each process draws for itself. Item tables
with sparse gradients send only the rows that a step reads.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch

# Its functions have the group of all processes as a default argument. The optimizers import it;
# if they do so while there is a group, the group stays after `destroy_process_group`, and a thread
# of gloo that still runs when Python ends aborts the process (once in eight runs under load).
import torch.distributed.nn.functional
from torch import Tensor, distributed, nn
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from prismrec.errors import ConfigError, TrainingError
from prismrec.types import Batch

T = TypeVar("T")

LONGEST_WAIT = timedelta(hours=2)
"""How long processes wait for one another: the first one alone computes initial item vectors. If
one ends, torchrun ends the others at once."""
OF_TORCHRUN = ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
"""Environment variables of each of several processes."""


@dataclass(frozen=True)
class Processes:
    """The processes of a training, seen from one of them."""

    rank: int = 0
    """Number of this process, from 0."""
    count: int = 1
    """Number of processes."""
    restarted: bool = False
    """Whether torchrun started all of them again after one had ended."""

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and reports."""
        return self.rank == 0

    def part_of(self, whole: Sequence[T]) -> Sequence[T]:
        """Return the share of this process: every ``count``-th entry."""
        return whole[self.rank :: self.count]

    def part_of_batch(self, batch: Batch) -> Batch:
        """Return the rows of this process; none if the batch has fewer rows than processes."""
        return Batch._make(
            None if part is None else part[self.rank :: self.count] for part in batch
        )

    def sums(self, values: Sequence[float], device: torch.device) -> list[float]:
        """Return the sum over all processes of each value."""
        if self.count == 1:
            return list(values)
        total = torch.tensor(values, dtype=torch.float64, device=device)
        distributed.all_reduce(total)
        return [float(value) for value in total]

    def sum_gradients(self, model: nn.Module, sparse: Sequence[Tensor]) -> None:
        """Replace each gradient by its sum over all processes, the same one in each of them.

        Args:
            model: Its parameters may have no gradient in this process.
            sparse: Tables with sparse gradients.
        """
        if self.count == 1:
            return
        for table in sparse:
            table.grad = self._sum_of_rows(table)
        self.sum_dense_gradients(model, sparse)

    def sum_dense_gradients(self, model: nn.Module, sparse: Sequence[Tensor]) -> None:
        """Replace each other gradient than those of ``sparse`` by its sum over all processes."""
        own = {id(table) for table in sparse}
        dense = [p for p in model.parameters() if p.requires_grad and id(p) not in own]
        if not dense:
            return
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in dense]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        parts = torch.split(flat, [parameter.numel() for parameter in dense])
        for parameter, part in zip(dense, parts, strict=True):
            parameter.grad = part.view_as(parameter)

    def _sum_of_rows(self, table: Tensor) -> Tensor:
        """Return the sum of the sparse gradients of all processes, coalesced."""
        width = table.shape[1]
        rows, values = torch.zeros(0, dtype=torch.int64), torch.zeros(0, width)
        rows, values = rows.to(table.device), values.to(table.device)
        if table.grad is not None:
            gradient = table.grad.coalesce()
            rows, values = gradient.indices()[0], gradient.values()
        number = torch.tensor([len(rows)], device=table.device)
        numbers = [torch.zeros_like(number) for _ in range(self.count)]
        distributed.all_gather(numbers, number)
        lengths = [int(length) for length in numbers]
        every_row = self._gather(rows, lengths)
        every_value = self._gather(values, lengths)
        total = torch.sparse_coo_tensor(
            every_row[None], every_value, table.shape, check_invariants=True
        )
        return total.coalesce()

    def _gather(self, part: Tensor, lengths: Sequence[int]) -> Tensor:
        """Return the parts of all processes in the order of their numbers."""
        padded = part.new_zeros(max(lengths), *part.shape[1:])
        padded[: len(part)] = part
        parts = [torch.empty_like(padded) for _ in lengths]
        distributed.all_gather(parts, padded)
        return torch.cat([one[:length] for one, length in zip(parts, lengths, strict=True)])

    def copy_weights(self, model: nn.Module) -> None:
        """Copy the weights of the first process to all others."""
        if self.count > 1:
            for value in model.state_dict().values():
                distributed.broadcast(value, 0)


ALONE = Processes()
_current = ContextVar("processes", default=ALONE)


def current_processes() -> Processes:
    """Return the processes that this one has joined; ``ALONE`` outside ``join_processes``."""
    return _current.get()


@contextmanager
def join_processes(environment: Mapping[str, str]) -> Iterator[Processes]:
    """Join the processes that ``torchrun`` started with this one; ``ALONE`` without torchrun.

    NCCL connects GPUs, one per process, and gloo connects processors.

    Args:
        environment: The environment variables of this process, some of which torchrun sets.

    Raises:
        ConfigError: There are several processes, but torchrun did not start them.
        TrainingError: Another process ended before this one.
    """
    if int(environment.get("WORLD_SIZE", "1")) == 1:
        yield ALONE
        return
    missing = [name for name in OF_TORCHRUN if name not in environment]
    if missing:
        raise ConfigError(
            f"WORLD_SIZE is {environment['WORLD_SIZE']}, but {', '.join(missing)} is not set; "
            "start the training with torchrun, or unset WORLD_SIZE."
        )
    backend, restarts = "gloo", int(environment.get("TORCHELASTIC_RESTART_COUNT", "0"))
    if torch.cuda.is_available():
        torch.cuda.set_device(int(environment["LOCAL_RANK"]))
        backend = "nccl"
    store, rank, count = next(rendezvous("env://", timeout=LONGEST_WAIT))
    if environment.get("TORCH_DISABLE_SHARE_RDZV_TCP_STORE") != "1":
        # torchrun keeps its store when it starts processes again. Without a prefix they would read
        # the addresses of the processes that have ended, and wait for them.
        store = PrefixStore(f"start-{restarts}", store)
    distributed.init_process_group(
        backend, store=store, rank=rank, world_size=count, timeout=LONGEST_WAIT
    )
    processes = Processes(rank, count, restarted=restarts > 0)
    token = _current.set(processes)
    try:
        yield processes
    except RuntimeError as error:
        if isinstance(error, distributed.DistError) or "/gloo/" in str(error):
            raise TrainingError(
                f"Process {rank} of {count} cannot continue, because another one has ended or "
                "cannot be reached; read the message of that process."
            ) from error
        raise
    finally:
        _current.reset(token)
        distributed.destroy_process_group()
