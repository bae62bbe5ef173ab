"""How to train: a frozen value that is checked when it is created."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from prismrec.errors import ConfigError
from prismrec.registry import check_fields

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Targets = Literal["all", "random"]
Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["fp32", "bf16"]
Schedule = Literal["constant", "linear"]
EPOCHS, PATIENCE, RATE = 20, 3, 3e-3
"""Values of ``train`` for settings that are None."""
LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True, kw_only=True, repr=False)
class TrainConfig:
    """How to train.

    "auto" is chosen from the data by ``fit`` and ``prismrec train``. ``train`` itself uses the
    first value in the brackets for all data; it chooses only ``sharded`` as ``fit`` does.

    docs/python.md describes the fields.

    Raises:
        ConfigError: A value is out of its range, or of another type.
    """

    epochs: int | None = None
    """Largest number of passes over the pairs. Default: auto (20; prism: at most 8)."""
    steps: int | None = None
    """Number of optimizer steps; replaces epochs."""
    batch_size: int = 1024
    """Training pairs (a prefix of a history and its target) per step."""
    targets: Targets = "all"
    """Train on all prefixes of a history, or on one random prefix per user and epoch."""
    horizon: int | None = None
    """Draw targets from the next N events; 0: N grows with the history, up to 20. Default: auto."""
    learning_rate: float | None = None
    """Learning rate of Adam. Default: auto (0.003; 0.008 for prism)."""
    warmup: int = 30
    """Steps in which the learning rate rises from 0; at most half of the run."""
    schedule: Schedule = "linear"
    """Learning rate after the warm-up: linear decay to 0, or constant."""
    sparse: bool | None = None
    """Update only item vectors that a step reads. Default: auto (no; yes above 100,000 items)."""
    sharded: bool | None = None
    """Divide item tables by rows among the processes. Default: auto (yes above 10 M items)."""
    weight_decay: float = 0.0
    """Weight decay of the extractor (AdamW); item vectors have none."""
    ema_decay: float | None = None
    """EMA decay of the weights; averages are validated and saved. 0: off. Default: auto."""
    clip: float = 5.0
    """Largest norm of the gradient; a larger gradient is scaled down."""
    validate_every: int | None = None
    """Steps between two validations. Default: one epoch."""
    patience: int | None = None
    """Validations without improvement before training stops. Default: auto (3; 2 for prism)."""
    seed: int = 0
    """Seed of all random numbers."""
    device: Device = "auto"
    """Device; auto uses CUDA if it is available."""
    precision: Precision = "fp32"
    """bf16 runs the extractor in bfloat16; scores and losses stay in float32."""

    def __post_init__(self) -> None:
        """Check the values."""
        check_fields(self)
        for name in _LOWEST:
            _check_number(name, getattr(self, name))
        if self.seed > LARGEST_SEED:
            raise ConfigError(f"seed is {self.seed}; it must be at most {LARGEST_SEED:,}.")
        if not 0 <= (self.ema_decay or 0) < 1:
            raise ConfigError(
                f"ema_decay is {self.ema_decay}; it must be at least 0 and below 1, for example "
                "0.98."
            )
        if self.learning_rate is not None and not 0 < self.learning_rate <= 1:
            raise ConfigError(
                f"learning_rate is {self.learning_rate}; it must be above 0 and at most 1, usually "
                "1e-4 to 1e-2."
            )

    def __repr__(self) -> str:
        """Return the fields that differ from their defaults."""
        return changed_fields(self)

    def rate_at(self, step: int, steps: int) -> float:
        """Return the learning rate of one of ``steps`` steps, counted from 0."""
        warmup = min(self.warmup, steps // 2)
        climb = min(1.0, (step + 1) / warmup) if warmup else 1.0
        fall = 1 - step / steps if self.schedule == "linear" else 1.0
        return (self.learning_rate or RATE) * min(climb, fall)


def _check_number(name: str, value: float | None) -> None:
    """Raise ConfigError for a number that is too small."""
    lowest, advice = _LOWEST[name]
    if value is not None and value < lowest:
        raise ConfigError(f"{name} is {value}; it must be at least {lowest}{advice}.")


def changed_fields(config: "DataclassInstance") -> str:
    """Return ``Name(field=value)`` with the fields of a config that differ from their defaults."""
    changed = [f"{name}={value!r}" for name, value in changed_settings(config).items()]
    return f"{type(config).__name__}({', '.join(changed)})"


def changed_settings(config: "DataclassInstance") -> dict[str, Any]:
    """Return the fields of a config that differ from their defaults, by name."""
    default, values = type(config)(), vars(config)
    names = [field.name for field in fields(config)]
    return {name: values[name] for name in names if values[name] != getattr(default, name)}


_LOWEST = {
    "epochs": (1, ""),
    "steps": (1, "; leave it out to count epochs"),
    "batch_size": (1, "; 256 to 4096 is usual"),
    "horizon": (0, "; 0 means a quarter of the events so far"),
    "validate_every": (1, "; leave it out to validate once per epoch"),
    "patience": (1, ""),
    "warmup": (0, ""),
    "weight_decay": (0, ""),
    "clip": (1e-6, "; 1 to 10 is usual"),
    "seed": (0, ""),
}
