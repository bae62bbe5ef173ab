"""Histories from a data frame, and lists to one."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from prismrec.errors import DataError
from prismrec.recommend.results import Answer


def read_histories(frame: Any) -> tuple[list[str], list[list[str]]]:
    """Return the users and the histories of a frame.

    Args:
        frame: Polars or Pandas, with the columns user and history (lists of item ids, oldest
            first). A missing history is an empty one.

    Raises:
        DataError: It is not a frame, lacks a column, a user or an id in a history, its histories
            are not lists, or its ids are numbers with decimals or truth values.
    """
    table = frame if isinstance(frame, pl.DataFrame) else _from_pandas(frame)
    history = table.schema.get("history")
    item = history.inner if isinstance(history, pl.List | pl.Array) else None
    if not _is_id(item) or not _is_id(table.schema.get("user")):
        raise DataError(
            "recommend_frame needs the columns user (ids) and history (lists of item ids), and ids "
            "are texts or whole numbers; the frame has "
            f"{', '.join(f'{n} ({t})' for n, t in table.schema.items()) or 'no columns'}."
        )
    users = table["user"].cast(pl.String).to_list()
    if None in users:
        raise DataError(
            f"recommend_frame needs a user in every row, but row {users.index(None) + 1} has none; "
            "drop such rows, or give the user an id."
        )
    histories = [own or [] for own in table["history"].cast(pl.List(pl.String)).to_list()]
    for row, own in enumerate(histories, start=1):
        if None in own:
            raise DataError(
                f"recommend_frame needs an id for every item, but the history of row {row} has a "
                "missing one; drop it, as in col('history').list.drop_nulls()."
            )
    return users, histories


def answers_frame(users: Sequence[str], answers: Sequence[Answer]) -> pl.DataFrame:
    """Return one row per recommended item; the columns are those of ``schema``."""
    schema = {
        "user": pl.String,
        "rank": pl.Int64,
        "item": pl.String,
        "title": pl.String,
        "score": pl.Float64,
        "interest": pl.Int64,
        "source": pl.String,
    }
    rows = [
        (user, rank, item.id, item.title, item.score, item.interest, answer.source)
        for user, answer in zip(users, answers, strict=True)
        for rank, item in enumerate(answer, start=1)
    ]
    return pl.DataFrame(rows, schema=schema, orient="row")


def _is_id(kind: Any) -> bool:
    """Return whether a column's type keeps ids as they are; a column of nulls only does too."""
    return isinstance(kind, pl.String | pl.Categorical | pl.Null) or (
        kind is not None and kind.is_integer()
    )


def _from_pandas(frame: Any) -> pl.DataFrame:
    try:
        return pl.DataFrame(pl.from_pandas(frame))
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise DataError(
            f"recommend_frame was given a {type(frame).__name__} that does not read as a frame "
            f"({error}); give a Polars or Pandas frame."
        ) from error
