"""The columns of histories: their names, and the types that hold ids exactly."""

import pyarrow as pa

from prismrec.errors import DataError


def without_views(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch whose texts are no views, of which Arrow cannot select rows."""
    fields = [field.with_type(_without_view(field.type)) for field in batch.schema]
    return batch.cast(pa.schema(fields))


def _without_view(kind: pa.DataType) -> pa.DataType:
    """Return the type to read texts or lists of texts with."""
    if pa.types.is_string_view(kind):
        return pa.large_string()
    if _is_list(kind) and pa.types.is_string_view(kind.value_type):
        make = pa.large_list if pa.types.is_large_list(kind) else pa.list_
        size = (kind.list_size,) if pa.types.is_fixed_size_list(kind) else ()
        return make(pa.large_string(), *size)
    return kind


def check_columns(schema: pa.Schema, where: str) -> None:
    """Check that there are the columns user and history, of types that hold ids."""
    fields = {field.name: field.type for field in schema}
    for name in ("user", "history"):
        if schema.names.count(name) > 1:
            raise DataError(
                f"The column {name} is needed once, but {where} has it {schema.names.count(name)} "
                "times; rename the others or leave them out."
            )
    history = fields.get("history")
    if "user" not in fields or history is None or not (_is_list(history) or _is_null(history)):
        raise DataError(
            f"The columns user and history (lists of item ids) are needed, but {where} has "
            f"{', '.join(f'{n!r} ({t})' for n, t in fields.items())}; write one row per user, with "
            "the item ids in time order as a list."
        )
    ids = {"user": fields["user"], "history": history if _is_null(history) else history.value_type}
    for name, kind in ids.items():
        if not _is_id(kind):
            fault = f"{kind}, which cannot hold ids exactly"
            fault = "binary, not text" if _is_binary(kind) else fault
            raise DataError(
                f"The ids in the column {name} of {where} are {fault}; write them as whole numbers "
                "or text."
            )


def _is_null(kind: pa.DataType) -> bool:
    """Return whether a type is that of a column without any value."""
    return bool(pa.types.is_null(kind))


def _is_list(kind: pa.DataType) -> bool:
    """Return whether a type holds lists."""
    types = pa.types
    lists = (types.is_list, types.is_large_list, types.is_fixed_size_list)
    return any(holds(kind) for holds in (*lists, types.is_list_view, types.is_large_list_view))


def _is_binary(kind: pa.DataType) -> bool:
    """Return whether a type holds bytes."""
    types = pa.types
    binary = (types.is_binary, types.is_large_binary, types.is_fixed_size_binary)
    return any(holds(kind) for holds in (*binary, types.is_binary_view))


def _is_id(kind: pa.DataType) -> bool:
    """Return whether a type holds ids exactly; null is the type of an empty column."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    types = pa.types
    text = (types.is_string, types.is_large_string, types.is_string_view)
    whole = types.is_decimal(kind) and kind.scale == 0
    return whole or any(holds(kind) for holds in (*text, types.is_integer, types.is_null))
