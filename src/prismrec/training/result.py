"""What a run of training returns."""

from dataclasses import dataclass


@dataclass(frozen=True, repr=False)
class TrainResult:
    """The result of a run."""

    steps: int
    """Steps of the run, over all resumptions."""
    best_step: int
    """Steps when the validation metric was best, the last of them if it was so several times; all
    steps without validation."""
    best: float | None
    """The validation metric of the final weights; None without validation."""
    history: list[dict[str, float]]
    """One record per validation: step, loss, validation."""
    seconds: float
    """Time of training and validation, over all resumptions."""
    pairs_per_second: float
    """Training pairs divided by the time of the steps, since the last resumption."""
    interrupted: bool
    """True after Ctrl-C; a checkpoint, if any, can be resumed."""

    @property
    def undecided(self) -> bool:
        """Whether all of several validations had the same value, so that none was best."""
        values = [record["validation"] for record in self.history]
        return len(values) > 1 and len(set(values)) == 1

    def __repr__(self) -> str:
        """Return steps, best validation metric and time."""
        best = "no validation" if self.best is None else f"best {self.best:.4f}"
        stopped = ", interrupted" if self.interrupted else ""
        return (
            f"TrainResult({best} at step {self.best_step} of {self.steps}, {self.seconds:.1f} s"
            f"{stopped})"
        )
