"""Select the columns of an event log from its tables: one frame with the line of each row."""

from collections.abc import Collection, Sequence

import polars as pl

from prismrec.data.readers.categories import (
    category_lists,
    object_faults,
)
from prismrec.data.readers.cell_types import check_text, time_cells
from prismrec.data.readers.columns import Columns, find_column, quote_names, require_column
from prismrec.data.readers.ids import id_column, row_fault
from prismrec.data.readers.parquet_files import check_alike
from prismrec.data.readers.rejected import FILE
from prismrec.data.readers.source_rows import value_columns
from prismrec.data.readers.table import LINE, Table
from prismrec.data.readers.weight_columns import (
    compares_kinds,
    event_kinds,
    used_columns,
    weight_columns,
)
from prismrec.errors import ConfigError, DataError, check_type, list_of_texts

_ROW = "(row)"


def kinds_to_keep(keep_events: Collection[str], columns: Columns) -> tuple[str, ...]:
    """Return the kinds of event to keep, without outer spaces, after a check of these arguments.

    Raises:
        ConfigError: One has another type.
    """
    check_type("columns", columns, Columns, "a Columns; write Columns(user='name')")
    kinds = list_of_texts(keep_events, "keep_events is", "The kind of event")
    return tuple(kind.strip() for kind in kinds)


def is_in_file_order(tables: Sequence[Table], columns: Columns) -> bool:
    """Return whether the order of the rows replaces a column of times.

    It does if the caller chose it, in sequences, and in pairs ``user item`` without a header:
    naming their columns does not require a time.
    """
    if columns.order == "file" or tables[0].is_sequences:
        return True
    pairs = (not each.has_header and each.columns[2:] == [] for each in tables)
    return columns.time is None and tables[0].delimiter == " " and all(pairs)


def select_rows(
    tables: Sequence[Table], columns: Columns, keep_events: Collection[str]
) -> pl.LazyFrame:
    """Return the columns of all tables as one frame, with the table and line of each row.

    Raises:
        DataError: A column is missing, or no row has a kind to keep, with a weight or disliked.
    """
    rows = _concatenate(
        [_select_columns(number, each, columns) for number, each in enumerate(tables)]
    )
    if "time" not in rows.collect_schema():
        rows = rows.with_row_index(_ROW).with_columns(pl.col(_ROW).cast(pl.Int64).alias("time"))
    _check_kinds(rows, keep_events, columns, tables[0])
    return rows


def _select_columns(number: int, table: Table, columns: Columns) -> pl.LazyFrame:
    """Return the columns of each role, weights and dislikes, and the table and line of each row.

    There is no column of times if the rows are in time order, except for sequences.
    """
    chosen_names = Columns() if table.is_sequences else columns
    roles = ["user", "item"]
    if table.is_sequences or not is_in_file_order([table], columns):
        roles.append("time")
    names = {
        role: require_column(
            role, table.columns, getattr(chosen_names, role), table=table.description
        )
        for role in roles
    }
    schema = table.frame.collect_schema()
    ids = {role: id_column(names[role], table, role) for role in ("user", "item")}
    chosen = [each.alias(role) for role, (each, _) in ids.items()]
    faults = [fault for _, fault in ids.values()]
    if "time" in names:
        cells = time_cells(names["time"], schema[names["time"]], table=table.description)
        chosen.append(cells.alias("time"))
    else:
        faults.append(_repeated_header(names, schema))
    event, category = (
        find_column(role, table.columns, getattr(columns, role), table=table.description)
        for role in ("event", "category")
    )
    if event is not None:
        check_text("event", event, schema[event], table=table.description)
        chosen.append(event_kinds(event).alias("event"))
    if category is not None:
        lists = category_lists(
            category, schema[category], separator=columns.category_separator,
            depth=columns.category_depth, table=table.description,
        )  # fmt: skip
        chosen.append(lists.alias("category"))
        faults.append(object_faults(category, schema[category]))
    used = used_columns(table, event, columns.weighting)
    chosen += [*weight_columns(table, event, columns.weighting, used), *value_columns(table, used)]
    # As in files of text: only a column that was asked for must be in every file.
    asked = {event: columns.event or columns.weighting.kinds, category: columns.category}
    required = [*names.values(), *used, *(name for name, is_asked in asked.items() if is_asked)]
    read = {name for each in chosen for name in each.meta.root_names()}
    check_alike(table.parts, read, required)
    return table.frame.select(pl.lit(number).alias(FILE), LINE, row_fault(*faults), *chosen)


def _repeated_header(names: dict[str, str], schema: pl.Schema) -> pl.Expr:
    """Return the reason to reject a row that is the header again, in joined files.

    With times, such a row has no valid time.
    """
    if any(schema[name] != pl.String for name in names.values()):
        return pl.lit(None, dtype=pl.String)
    is_header = pl.all_horizontal(pl.col(name) == name for name in names.values())
    return pl.when(is_header).then(pl.lit("line repeats the header"))


def _concatenate(rows: list[pl.LazyFrame]) -> pl.LazyFrame:
    """Return the rows of all files as one frame. Optional columns may be missing in some files."""
    every = pl.concat(rows, how="diagonal")
    empty = {"event": pl.lit(""), "category": pl.lit([], dtype=pl.List(pl.String))}
    columns = every.collect_schema()
    return every.with_columns(
        pl.col(name).fill_null(value) for name, value in empty.items() if name in columns
    )


def _check_kinds(rows: pl.LazyFrame, kept: Collection[str], columns: Columns, table: Table) -> None:
    """Check the kinds of events that are to be kept, have a weight or are dislikes.

    Raises:
        DataError: One is not in the log.
        ConfigError: One has a weight but is not kept.
    """
    weighting = columns.weighting
    by_kind = weighting.whole_log and compares_kinds(table, columns)
    disliked = weighting.dislikes if by_kind else None
    if not (kept or weighting.kinds or disliked):
        return
    if "event" not in rows.collect_schema():
        raise DataError(
            f"keep_events is {', '.join(map(repr, kept))}, but {table.description} has no event "
            f"column among {quote_names(table.columns)}; name the column, or leave keep_events out."
        )
    counts = dict(rows.group_by("event").len().collect(engine="streaming").iter_rows())
    if not counts:
        return  # check_rejected raises for a log without rows
    absent = {
        "keep_events contains": [kind for kind in kept if kind not in counts],
        "A weight was given to": [
            kind for kind in map(str.strip, weighting.kinds) if kind not in counts
        ],
        "Dislikes are compared with": disliked.absent_from(counts) if disliked else [],
    }
    for what, kinds in absent.items():
        if kinds:
            most = sorted(counts, key=lambda kind: (-counts[kind], kind))[:20]
            raise DataError(
                f"{what} {', '.join(map(repr, kinds))}, which is in no row of {table.name}; choose "
                f"from {', '.join(f'{kind[:80]!r} ({counts[kind]:,} rows)' for kind in most)}."
            )
    left_out = [kind for kind in map(str.strip, weighting.kinds) if kept and kind not in kept]
    if left_out:
        raise ConfigError(
            f"A weight was given to {', '.join(map(repr, left_out))}, but keep_events leaves these "
            "events out; keep them too, or leave out their weights."
        )
