"""Lists for the histories of a data frame, to a data frame."""

from typing import Any

import polars as pl

from prismrec.data import check_order
from prismrec.errors import DataError
from prismrec.recommend.batches import MakesLists, batch_lists
from prismrec.recommend.history_columns import check_columns
from prismrec.rerank import ListOptions


def frame_lists(recommender: MakesLists, frame: Any, options: ListOptions) -> pl.DataFrame:
    """Return the frame of ``Recommender.recommend_frame``, and raise its errors."""
    if not isinstance(frame, pl.DataFrame) and "history" in getattr(frame, "columns", ()):
        for row, history in enumerate(frame["history"], start=1):  # Polars makes lists of sets
            check_order(history, f"The history of row {row}")
    try:
        table = frame if isinstance(frame, pl.DataFrame) else pl.DataFrame(pl.from_pandas(frame))
        table = _typed_if_missing(table.select("user", "history"))
        batch = table.to_arrow()
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(
            f"recommend_frame was given a {type(frame).__name__} that cannot be used ({reason}); "
            "give a Polars or Pandas frame with the columns user and history (lists of item ids)."
        ) from error
    check_columns(batch.schema, "the frame")
    _check_complete(table)
    lists = pl.DataFrame(pl.from_arrow(batch_lists(recommender, batch, options)[0]))
    numbers = recommender.catalog.items.index(lists["item"].to_list())
    titles = recommender.catalog.titles.gather(numbers - 1).rename("title")
    return lists.cast({pl.Int32: pl.Int64, pl.Float32: pl.Float64}).insert_column(3, titles)


def _typed_if_missing(table: pl.DataFrame) -> pl.DataFrame:
    """Return a frame in which a column without any value has the type that it needs.

    Pandas has no type for lists: a column of missing histories may be one of numbers or texts.
    """
    types = {"user": pl.String(), "history": pl.List(pl.String)}
    missing = [name for name in types if table[name].null_count() == len(table)]
    return table.with_columns(pl.lit(None, types[name]).alias(name) for name in missing)


def _check_complete(table: pl.DataFrame) -> None:
    """Raise DataError if a row has no user, or a history has a missing id."""
    missing = table["user"].cast(pl.String).fill_null("") == ""
    if missing.any():
        raise DataError(
            f"recommend_frame needs a user in every row, but row {missing.arg_true()[0] + 1} has "
            "none; drop such rows, or give the user an id."
        )
    ids = table["history"].cast(pl.List(pl.String)).list
    rows = (ids.drop_nulls().list.len() < ids.len()).arg_true()
    if len(rows):
        raise DataError(
            f"recommend_frame needs an id for every item, but the history of row {rows[0] + 1} has "
            "a missing one; drop it, as in col('history').list.drop_nulls()."
        )
