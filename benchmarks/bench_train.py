"""Compare training pairs per second with a plain loader and loop in the same run.

Extractor ``sa``, K = 4, D = 64, max_len 20, 2,048 shared uniform negatives, one thread, on Amazon
Beauty if its files are present, else on a synthetic log of its size. The baseline is the usual
first implementation: a Python loop builds padded lists, one prefix per row, and plain torch trains
with dense Adam.
"""

import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn

from machine import report, shared_data
from prismrec.data import Histories
from prismrec.io import set_threads
from prismrec.models import Model, SelfAttentive
from prismrec.models.readouts import READOUTS
from prismrec.models.samplers import uniform
from prismrec.training import Objective, Step, TrainConfig, train

MAX_LEN, D, K, NEGATIVES, BATCH = 20, 64, 4, 2_048, 1_024
STEPS, WARM = 90, 10


def beauty() -> tuple[Histories, int, str]:
    """Return the histories, V, and the name of the data."""
    path = shared_data() / "amazon-beauty" / "sequences.txt"
    if path.exists():
        rows = [[int(item) for item in line.split()[1:]] for line in path.open()]
        return Histories.of(rows), 1 + max(map(max, rows)), "Amazon Beauty"
    rng = np.random.default_rng(0)
    lengths = 4 + rng.geometric(1 / 4.9, 22_363)  # at least 5, mean 8.9
    popular = 1 + (12_101 * rng.random(lengths.sum()) ** 2).astype(np.int64)
    return Histories.of(np.split(popular, np.cumsum(lengths)[:-1])), 12_102, "synthetic Beauty"


def model_of(size: int) -> Model:
    """Return a new model with the same initial weights each time."""
    torch.manual_seed(0)
    return Model(size, SelfAttentive(dim=D, interests=K, max_len=MAX_LEN))


def prismrec_rate(histories: Histories, size: int, readout: str) -> float:
    """Measure pairs per CPU second of ``train``, loader included, after warm-up."""
    counts = torch.from_numpy(histories.counts(size))
    objective = Objective(readout=READOUTS[readout], negatives=uniform(counts, NEGATIVES))
    config = TrainConfig(steps=WARM + STEPS, batch_size=BATCH, warmup=5, device="cpu")
    marks: list[tuple[float, int]] = []

    def record(step: Step) -> None:
        marks.append((time.process_time(), step.pairs))

    train(model_of(size), histories, config, objective, on_step=record)
    seconds = marks[-1][0] - marks[WARM - 1][0]
    return sum(pairs for _, pairs in marks[WARM:]) / seconds


def prefixes(histories: Histories) -> Iterator[tuple[list[list[int]], list[int]]]:
    """Yield padded prefixes and their targets in shuffled order, in plain Python."""
    rows = [row.tolist() for row in histories]
    pairs = [(user, end) for user, row in enumerate(rows) for end in range(1, len(row))]
    order = np.random.default_rng(0).permutation(len(pairs))
    for start in range(0, len(order), BATCH):
        inputs, targets = [], []
        for user, end in (pairs[place] for place in order[start : start + BATCH]):
            prefix = rows[user][max(0, end - MAX_LEN) : end]
            inputs.append(prefix + [0] * (MAX_LEN - len(prefix)))
            targets.append(rows[user][end])
        yield inputs, targets


def hard(vectors: torch.Tensor, target: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
    """Compute the logits of the interest that is nearest to the target."""
    nearest = torch.einsum("bkd,bd->bk", vectors, target).argmax(dim=1)
    query = vectors[torch.arange(len(vectors)), nearest]
    return torch.cat([(query * target).sum(1, keepdim=True), query @ items.T], dim=1)


def lse(vectors: torch.Tensor, target: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
    """Compute the logits of all interests together."""
    target_logit = torch.einsum("bkd,bd->bk", vectors, target)[..., None]
    return torch.cat([target_logit, vectors @ items.T], dim=2).logsumexp(dim=1)


PLAIN: dict[str, Callable[..., torch.Tensor]] = {"hard": hard, "lse": lse}


def plain_rate(histories: Histories, size: int, readout: str, steps: int = 12) -> float:
    """Measure pairs per CPU second of the plain loop."""
    model = model_of(size)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, fused=False)
    batches = prefixes(histories)
    for step in range(steps + 2):
        if step == 2:
            began = time.process_time()
        inputs, targets = next(batches)
        history, target = torch.tensor(inputs), torch.tensor(targets)
        negatives = torch.randint(1, size, (NEGATIVES,))
        vectors = model(history, history != 0).vectors
        logits = PLAIN[readout](vectors, model.items(target), model.items(negatives))
        hits = nn.functional.pad(negatives == target[:, None], (1, 0))
        logits = logits.masked_fill(hits, -torch.inf)
        optimizer.zero_grad()
        nn.functional.cross_entropy(logits, torch.zeros_like(target)).backward()
        optimizer.step()
    return steps * BATCH / (time.process_time() - began)


def main() -> None:
    """Measure both readouts."""
    set_threads(1)
    histories, size, data = beauty()
    for readout in ("hard", "lse"):
        fast, slow = prismrec_rate(histories, size, readout), plain_rate(histories, size, readout)
        about = {"data": data, "readout": readout, "threads": 1}
        report("training of sa", fast, "pairs / CPU s", **about)
        report("plain loader and loop", slow, "pairs / CPU s", **about)
        report("training of sa / plain", fast / slow, "ratio", **about)


if __name__ == "__main__":
    main()
