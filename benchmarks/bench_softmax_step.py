"""Compare a full-softmax training step with its matrix products alone and with plain torch.

Extractor ``sa``, 12,000 items, histories of 20 events, one target per row, D = 64, K = 4, hard
readout, one thread. Three baselines take turns with it: the matrix products of the step alone,
forward and backward, on the same shapes; these and the other large passes, each once in memory that
is reused (exponentials of the scores, tanh and its gradient, the norm of the gradient of the table,
Adam), of which a step saves some time where it keeps scores in the cache; and the network of a
well-known tutorial (no bias, no positions) with autograd, ``F.cross_entropy`` and dense Adam.
"""

import numpy as np
import torch
from torch import nn

from machine import medians, report
from prismrec.data import Histories
from prismrec.io import set_threads
from prismrec.models import Model, SelfAttentive
from prismrec.models.readouts import HARD
from prismrec.training import Objective, TrainConfig
from prismrec.training.run import Run

V, L, D, K, HIDDEN = 12_001, 20, 64, 4, 256


class OneTarget(Run):
    """A training run whose batches have B rows of L events, with one target per row."""

    def __init__(self, model: Model, batch: int) -> None:
        rng = np.random.default_rng(0)
        rows = Histories.of(rng.integers(1, V, (batch, L + 1)))
        config = TrainConfig(batch_size=batch, targets="random", warmup=0, device="cpu")
        objective, cpu = Objective(readout=HARD), torch.device("cpu")
        super().__init__(model, rows, config, objective, folder=None, device=cpu)
        history, target = rng.integers(1, V, (batch, L)), np.zeros((batch, L), dtype=np.int64)
        target[:, -1] = rng.integers(1, V, batch)
        self.batches.at = lambda _: (history, target)  # type: ignore[method-assign]


class Tutorial(nn.Module):
    """The network of the tutorial, in plain torch."""

    def __init__(self) -> None:
        super().__init__()
        self.items = nn.Embedding(V, D, padding_idx=0)
        self.w1, self.w2 = nn.Linear(D, HIDDEN, bias=False), nn.Linear(HIDDEN, K, bias=False)

    def forward(self, history: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Compute the loss of a batch."""
        items, mask = self.items(history), history != 0
        logits = self.w2(torch.tanh(self.w1(items))).transpose(1, 2)  # [B, K, L]
        weights = logits.masked_fill(~mask[:, None], -1e9).softmax(-1)
        interests = weights @ items
        nearest = (interests @ self.items(target)[..., None])[..., 0].argmax(1)
        chosen = interests[torch.arange(len(history)), nearest]
        return nn.functional.cross_entropy(chosen @ self.items.weight.T, target)


def tutorial_step(batch: int):
    """Return a function that runs one training step of the tutorial network."""
    torch.manual_seed(0)
    net = Tutorial()
    optimizer = torch.optim.Adam(net.parameters(), fused=False)
    history, target = torch.randint(1, V, (batch, L)), torch.randint(1, V, (batch,))

    def step() -> None:
        optimizer.zero_grad()
        net(history, target).backward()
        optimizer.step()

    return step


def products(batch: int):
    """Return a function that computes the matrix products of a step, forward and backward.

    The backward pass of a product of a and b has two products: the gradient times b, and times a.
    """
    pairs = [
        (torch.randn(batch * L, D), torch.randn(D, HIDDEN)),  # W1
        (torch.randn(batch * L, HIDDEN), torch.randn(HIDDEN, K)),  # W2
        (torch.randn(batch, K, L), torch.randn(batch, L, D)),  # pooling
        (torch.randn(batch, D), torch.randn(D, V)),  # logits
    ]
    gradients = [a @ b for a, b in pairs]
    # Reuse the outputs, as a step does: to allocate memory would be the slowest part.
    outs = [torch.empty_like(g) for g in gradients]
    lefts, rights = [torch.empty_like(a) for a, _ in pairs], [torch.empty_like(b) for _, b in pairs]

    def multiply() -> None:
        for (a, b), g, out, left, right in zip(pairs, gradients, outs, lefts, rights, strict=True):
            torch.matmul(a, b, out=out)
            torch.matmul(g, b.mT, out=left)
            torch.matmul(a.mT, g, out=right)

    return multiply


def passes(batch: int):
    """Return a function that computes the products and the other large passes, each once."""
    multiply = products(batch)
    scores, hidden = torch.randn(batch, V), torch.randn(batch * L, HIDDEN)
    powers, active, gradient = map(torch.empty_like, (scores, hidden, hidden))
    table = nn.Parameter(torch.randn(V, D))
    table.grad = torch.randn(V, D) / 1e3
    optimizer = torch.optim.AdamW([table], fused=True)

    def compute() -> None:
        multiply()
        torch.exp(scores, out=powers)
        torch.tanh(hidden, out=active)
        torch.ops.aten.tanh_backward(hidden, active, grad_input=gradient)
        table.grad.norm()
        optimizer.step()

    return compute


def main() -> None:
    """Measure both batch sizes."""
    set_threads(1)
    for batch in (128, 512):
        torch.manual_seed(0)
        model = Model(V, SelfAttentive(dim=D, interests=K, max_len=L))
        runs = {
            "step": OneTarget(model, batch).step,
            "products": products(batch),
            "passes": passes(batch),
            "plain torch": tutorial_step(batch),
        }
        medians(runs, rounds=3)  # warm up
        seconds = medians(runs, rounds=20)
        step = seconds["step"]
        about = {"batch": batch, "threads": 1}
        report("full-softmax step of sa", 1e3 * step, "CPU ms", **about)
        report("its matrix products alone", 1e3 * seconds["products"], "CPU ms", **about)
        report("products and other passes alone", 1e3 * seconds["passes"], "CPU ms", **about)
        report("tutorial network in plain torch", 1e3 * seconds["plain torch"], "CPU ms", **about)
        report("step / its matrix products", step / seconds["products"], "ratio", **about)
        report(
            "least / its matrix products", seconds["least"] / seconds["products"], "ratio", **about
        )
        report("plain torch / step", seconds["plain torch"] / step, "ratio", **about)


if __name__ == "__main__":
    main()
