"""How to train: a frozen value, checked when made, with the way out in every message."""

from dataclasses import dataclass
from typing import Literal, get_args

from prismrec.errors import ConfigError

Targets = Literal["all", "random"]
Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["fp32", "bf16"]
Schedule = Literal["constant", "linear"]
EPOCHS, PATIENCE, RATE = 20, 3, 3e-3
"""Where none is given."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How to train. Frozen: a run's settings never change under it.

    "By rule" is what ``prismrec train`` and ``fit`` fill in; ``train`` itself knows no rules.
    """

    epochs: int | None = None
    """Passes over the training pairs, at most: early stopping may end the run before. 20 if not
    given; by rule 8 for prism."""
    steps: int | None = None
    """Optimizer steps in all; if given, it replaces ``epochs``."""
    batch_size: int = 1024
    """Training pairs (a prefix and its target) a step."""
    targets: Targets = "all"
    """Every prefix of a history at once, or one at random a user and epoch (ComiRec)."""
    horizon: int | None = None
    """A target is drawn from the next so many events; 1 is the next one, 0 a quarter of the
    events so far, at most 20: as far ahead as a split by user looks. 1 if not given; by
    rule 0 for prism, where validation looks that far."""
    learning_rate: float | None = None
    """Adam's step size. 3e-3 if not given; by rule 8e-3 for prism."""
    warmup: int = 30
    """Steps over which the learning rate climbs from 0."""
    schedule: Schedule = "linear"
    """After the warm-up: fall to 0 at the last step, or stay."""
    sparse: bool | None = None
    """Move only the item vectors that a step reads; negatives have to be sampled. If not given: no;
    by rule yes beyond 100 000 items, where they are sampled."""
    weight_decay: float = 0.0
    """Decoupled decay of the extractor's weights, never of item vectors."""
    ema_decay: float | None = None
    """Share that the moving average of the weights keeps at each step; validated and kept are the
    averages. 0, the weights themselves, if not given; by rule .98 for prism."""
    clip: float = 5.0
    """Longest gradient over all weights; a longer one is scaled down to it."""
    validate_every: int | None = None
    """Steps between validations; once an epoch if not given."""
    patience: int | None = None
    """Validations without a new best before training stops. 3 if not given; by rule 2 for
    prism."""
    seed: int = 0
    """Where every draw comes from, with what it is for and the step."""
    device: Device = "auto"
    """"auto" takes CUDA where there is one."""
    precision: Precision = "fp32"
    """"bf16" runs the extractor in bfloat16; ids, scores and losses stay in fp32."""

    def __post_init__(self) -> None:
        """Refuse what cannot work, and say what would."""
        for name, (lowest, advice) in _LOWEST.items():
            value = getattr(self, name)
            if value is not None and not value >= lowest:
                raise ConfigError(f"{name} is {value}; it must be at least {lowest}{advice}.")
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                known = ", ".join(map(repr, allowed))
                raise ConfigError(f"{name} is {getattr(self, name)!r}; it must be one of {known}.")
        if not 0 <= (self.ema_decay or 0) < 1:
            raise ConfigError(
                f"ema_decay is {self.ema_decay}; it must be at least 0 and below 1, often .98."
            )
        if self.learning_rate is not None and not 0 < self.learning_rate <= 1:
            raise ConfigError(
                f"learning_rate is {self.learning_rate}; it must lie between 0 and 1. "
                "Adam's usual range here is 1e-4 to 5e-3."
            )
        if self.steps is not None and self.warmup >= self.steps:
            raise ConfigError(
                f"warmup ({self.warmup} steps) never ends: the run has {self.steps} steps. "
                f"Lower warmup below {self.steps}, or raise steps above {self.warmup}."
            )

    def rate_at(self, step: int, steps: int) -> float:
        """Give the learning rate of one of ``steps`` steps, counted from 0."""
        climb = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        fall = 1 - step / steps if self.schedule == "linear" else 1.0
        return (self.learning_rate or RATE) * min(climb, fall)


_LOWEST = {
    "epochs": (1, ""),
    "steps": (1, ", or be left out to count epochs"),
    "batch_size": (1, "; 256 to 4096 is usual"),
    "horizon": (0, ": a quarter of the events so far"),
    "validate_every": (1, ", or be left out for once an epoch"),
    "patience": (1, ""),
    "warmup": (0, ""),
    "weight_decay": (0, ""),
    "clip": (1e-6, "; 1 to 10 is usual"),
    "seed": (0, ""),
}
_CHOICES = {
    "targets": get_args(Targets),
    "schedule": get_args(Schedule),
    "device": get_args(Device),
    "precision": get_args(Precision),
}
