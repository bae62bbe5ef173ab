"""The result of ``fit``: a recommender, and the record of its training."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from prismrec.recommend import Recommender, with_other_forming
from prismrec.training.result import TrainResult
from prismrec.training.validation import validation_metric


@dataclass(frozen=True, repr=False)
class Trained:
    """A trained recommender and the record of its training."""

    recommender: Recommender
    """The model with its index, catalog and rules."""
    result: TrainResult
    """Steps, time and validation of the training."""
    settings: dict[str, Any]
    """All settings of the run, with defaults filled in: flat, JSON."""
    notes: dict[str, str]
    """Sentences: why this index, how interests were chosen, advice on their number, whether rules
    are blended in; and warnings, such as that the model is no better than popularity."""
    start: dict[str, Any] = field(default_factory=dict)
    """Where a warm start began: artifact, shared items, new items; empty otherwise."""

    def __repr__(self) -> str:
        """Return extractor, number of interests and result."""
        interests = f"interests={self.settings['interests']}"
        return f"Trained({self.settings['extractor']}, {interests}, {self.result!r})"

    def with_settings(self, more: Mapping[str, Any]) -> "Trained":
        """Return the same result with these settings too; ``recommender.about`` has them as well.

        Args:
            more: Settings by name, as JSON, such as those of the program that called ``fit``.
        """
        settings = self.settings | dict(more)
        about = {**self.recommender.about, "run": settings}
        return replace(self, recommender=replace(self.recommender, about=about), settings=settings)

    @property
    def metric(self) -> str:
        """The metric on validation that chose the weights, such as ``recall@50``."""
        return validation_metric(self.settings["validate_on"], self.recommender.catalog.size - 1)

    def with_one_interest(self) -> "Trained":
        """Return the same model with its one trained interest, without forming others.

        Its rules are those of the model with formed interests, and their note states it. The
        training was validated with formed interests, so ``result`` has no validation.
        """
        recommender = self.recommender.with_forming(None)
        before = {**self.notes, "run": self.settings}
        notes = with_other_forming(before, self.recommender.model.forming, None)
        settings = notes.pop("run") | {"forming": False}
        result = replace(self.result, best=None, history=[])
        return replace(self, recommender=recommender, notes=notes, settings=settings, result=result)
