"""Item vectors from content vectors: for items without events, and a part for rare items.

    counts = split.train.weighted_counts(catalog.size)
    fitted = fit_projection(model, content, catalog, counts, measure)
    fitted.model, fitted.projection

After training, a ridge regression from the content vectors to the rows of the trained item tables
is solved in closed form. Then the row of an item with n training events is

    n / (n + s) · trained + s / (n + s) · projected

and the row of an item without events is the projected one. If events have weights, n is the sum of
those of the item, divided by their mean; an item whose events all have weight 0 has no events.
Items without a content vector do not change.

Predicted vectors are shorter than trained ones, so new items would rank too low. They are
multiplied by a scale, which is chosen on validation: a fifth of the items is projected as if they
were new, and the metric over all targets must be best. The strength s is chosen on validation too.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray

from prismrec.data import Catalog, ItemContent
from prismrec.errors import DataError
from prismrec.io import stage
from prismrec.models import Model
from prismrec.recommend import ContentProjection, unit_vectors

PENALTIES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Penalties of the ridge regression to compare."""
SCALES = (1.0, 1.1, 1.2, 1.3, 1.4, 1.6, 1.8, 2.0)
"""Factors on projected vectors to compare, until the metric falls."""
STRENGTHS = (0.0, 1.0, 3.0, 10.0)
"""Strengths of the gate to compare, until the metric falls: numbers of events at which both rows
have equal weight."""
HELD_OUT = 5
"""One of so many items, drawn, is held out to choose the penalty and the scale."""
FEWEST = 20
"""Smallest number of items with events and a content vector."""
BLOCK = 1 << 16
"""Items that are read at a time."""
Counts = NDArray[np.int64] | NDArray[np.float64]
"""Events per item, or the sum of their relative weights."""


@dataclass(frozen=True, eq=False)
class FittedProjection:
    """A model whose rare and new items have projected rows, and how they were made."""

    model: Model
    projection: ContentProjection
    note: str
    """One sentence: how many items have a content vector, and what was chosen."""


class Ridge:
    """A weighted ridge regression with an intercept, solved for any penalty.

    It minimizes Σ_i w_i ‖y_i − x_i W − c‖² + λ ‖W‖². λ is the penalty times the mean eigenvalue of
    the weighted covariance matrix of x, so that it does not depend on the number of items.

    Args:
        x: Content vectors.
        y: Rows of the item tables.
        weights: w, positive.

    Cost: O(N W (W + T) + W³).
    """

    def __init__(
        self,
        x: Float[np.ndarray, "N W"],
        y: Float[np.ndarray, "N T"],
        weights: Float[np.ndarray, " N"],
    ) -> None:
        total = weights.sum()
        self.mean_x, self.mean_y = weights @ x / total, weights @ y / total
        covariance = np.zeros((x.shape[1], x.shape[1]))
        cross = np.zeros((x.shape[1], y.shape[1]))
        for start in range(0, len(x), BLOCK):
            rows = slice(start, start + BLOCK)
            centered = x[rows] - self.mean_x
            scaled = centered * weights[rows, None]
            covariance += scaled.T @ centered
            cross += scaled.T @ (y[rows] - self.mean_y)
        values, self.vectors = np.linalg.eigh(covariance)
        self.values = np.maximum(values, 0.0)
        self.rotated = self.vectors.T @ cross

    def solve(self, penalty: float) -> tuple[Float[np.ndarray, "W T"], Float[np.ndarray, " T"]]:
        """Return W and c.

        Cost: O(W² T).
        """
        added = max(penalty * self.values.mean(), 1e-12)
        weight = self.vectors @ (self.rotated / (self.values + added)[:, None])
        return weight, self.mean_y - self.mean_x @ weight


def trained_share(counts: Counts, strength: float) -> Float[np.ndarray, " V"]:
    """Return n / (n + s), the share of the trained row of an item; 0 for an item without events.

    Args:
        counts: n, training events per item.
        strength: s, at least 0.
    """
    share = np.zeros(len(counts))
    np.divide(counts, counts + strength, out=share, where=counts > 0)
    return share


def fit_projection(
    model: Model,
    content: ItemContent,
    catalog: Catalog,
    counts: Counts,
    measure: Callable[[Model], float] | None,
    *,
    seed: int = 0,
) -> FittedProjection:
    """Fit the projection of a trained model, and mix its rows with the trained ones.

    Args:
        model: Trained; it is not changed.
        content: Content vectors, which ``check_content`` accepts.
        catalog: Catalog of the model.
        counts: Training events per item, ``[V]``.
        measure: Returns the validation metric of a model; higher is better. Of equal values the
            smaller scale or strength is used. None: scale 1 and strength 0.
        seed: Seed of the items that are held out.

    Cost: that of ``Ridge`` twice; a copy of the model and one measurement per scale and strength
        that is compared, 4 to 12.
    """
    with stage("projecting content vectors"):
        place = np.append(-1, content.positions(catalog.items.ids))
        number = np.flatnonzero(place >= 0)
        x = unit_vectors(content.vectors[place[number]])
        rows = np.hstack([table.rows().detach().cpu().numpy() for table in model.tables])
        trained = counts[number] > 0
        known, biases = number[trained], biases_of(model)
        parts = (x[trained], rows[known], counts[known])
        penalty, ridge, held = _choose_penalty(*parts, seed)

        def as_new(scale: float) -> Model:
            simulated = rows.copy()
            part = _projection(ridge, penalty, scale, rows[known], biases)
            simulated[known[held]] = part.rows_of(x[trained][held])
            return with_rows(model, simulated)

        scale, _ = _climb(SCALES, as_new, measure)
        projection = _projection(_ridge(*parts), penalty, scale, rows[known], biases)
        projected = projection.rows_of(x)

        def mixed(strength: float) -> Model:
            share = trained_share(counts[number], strength)[:, None]
            new = rows.copy()
            new[number] = share * rows[number] + (1 - share) * projected
            return with_rows(model, new)

        strength, best = _climb(STRENGTHS, mixed, measure)
    note = (
        f"{len(number):,} of {catalog.size - 1:,} items have a content vector, "
        f"{(~trained).sum():,} of them without training events; ridge penalty {penalty:g}, "
        f"scale {scale:g}, strength {strength:g}"
    )
    return FittedProjection(best, projection, note)


def check_content(content: ItemContent, catalog: Catalog, counts: Counts) -> None:
    """Check that enough items have events and a content vector; ``fit`` does so before training.

    Raises:
        DataError: They are fewer than ``FEWEST``.
    """
    found = int((counts[1:][content.positions(catalog.items.ids) >= 0] > 0).sum())
    if found < FEWEST:
        raise DataError(
            f"Of the {len(content):,} items with a content vector, {found:,} have training events, "
            f"but the projection needs {FEWEST}; give vectors whose ids are those of the event log."
        )


def biases_of(model: Model) -> NDArray[np.bool_]:
    """Return which columns of the rows of all tables are biases, ``[T]``."""
    widths = [table.embedding_dim for table in model.tables]
    biases = np.zeros(sum(widths), dtype=np.bool_)
    biases[-1] = model.outputs is not None
    return biases


def with_rows(model: Model, rows: Float[np.ndarray, "V T"]) -> Model:
    """Return a copy of a model with other rows in its tables.

    Args:
        model: The model to copy.
        rows: The rows of all tables, next to each other.
    """
    changed, start = deepcopy(model), 0
    with torch.no_grad():
        for table in changed.tables:
            part = rows[:, start : start + table.embedding_dim]
            table.weight.copy_(torch.from_numpy(np.ascontiguousarray(part)))
            start += table.embedding_dim
    return changed.eval()


def _choose_penalty(
    x: Float[np.ndarray, "N W"], y: Float[np.ndarray, "N T"], counts: Counts, seed: int
) -> tuple[float, Ridge, NDArray[np.bool_]]:
    """Return the best penalty, the regression of the other items, and which items are held out."""
    held = np.random.default_rng(seed).permutation(len(x)) % HELD_OUT == 0
    ridge = _ridge(x[~held], y[~held], counts[~held])
    penalty = min(PENALTIES, key=partial(_error, ridge, x[held], y[held], counts[held]))
    return penalty, ridge, held


def _ridge(x: Float[np.ndarray, "N W"], y: Float[np.ndarray, "N T"], counts: Counts) -> Ridge:
    """Return the regression that is weighted by the square root of events."""
    return Ridge(x, y, np.sqrt(counts))


def _error(
    ridge: Ridge,
    x: Float[np.ndarray, "N W"],
    y: Float[np.ndarray, "N T"],
    counts: Counts,
    penalty: float,
) -> float:
    """Return the weighted squared error of a regression on other items."""
    weight, offset = ridge.solve(penalty)
    return float(np.sqrt(counts) @ ((y - x @ weight - offset) ** 2).sum(axis=1))


def _projection(
    ridge: Ridge,
    penalty: float,
    scale: float,
    rows: Float[np.ndarray, "N T"],
    biases: NDArray[np.bool_],
) -> ContentProjection:
    """Return the projection of a regression; the rows of the trained items bound the biases."""
    weight, offset = ridge.solve(penalty)
    factor = np.where(biases, 1.0, scale)
    lowest = np.where(biases, np.median(rows, axis=0), -np.inf)
    arrays = (weight * factor, offset * factor, lowest)
    return ContentProjection(*(array.astype(np.float32) for array in arrays))


def _climb(
    values: Sequence[float],
    model_of: Callable[[float], Model],
    measure: Callable[[Model], float] | None,
) -> tuple[float, Model]:
    """Return the first value whose model is not improved by the next value, and that model."""
    chosen, best = values[0], model_of(values[0])
    if measure is None:
        return chosen, best
    reached = measure(best)
    for value in values[1:]:
        model = model_of(value)
        found = measure(model)
        if found <= reached:
            break
        chosen, best, reached = value, model, found
    return chosen, best
