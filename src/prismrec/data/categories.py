"""Categories in a cell: a list, nested lists, JSON, or text with separators, made one list."""

import polars as pl

# A string of JSON with its quotes, or a number or word; brackets and commas fall between.
_JSON_SCALAR = r'"(?:[^"\\]|\\.)*"|[^\[\],\s"]+'


def category_lists(
    column: pl.Expr, dtype: pl.DataType, *, separator: str, is_json: bool = False
) -> pl.Expr:
    """Give the distinct categories of each cell, in order; an empty list where there are none.

    Args:
        column: The cells.
        dtype: Their type: text, numbers, or lists of these, however deep.
        separator: Cuts text; a cell without it is one category.
        is_json: Text that begins with ``[`` is JSON, its lists however deep.
    """
    if isinstance(dtype, pl.List | pl.Array):
        found = column if isinstance(dtype, pl.List) else column.arr.to_list()
        inner = dtype.inner
        while isinstance(inner, pl.List):
            found, inner = found.list.eval(pl.element().explode()), inner.inner
        found = found.cast(pl.List(pl.String))
    else:
        found = column.cast(pl.String).str.split(separator)
        if is_json:
            found = pl.when(column.str.starts_with("[")).then(_from_json(column)).otherwise(found)
    name = pl.element().str.strip_chars()
    cleaned = found.list.eval(name.filter(name != "")).list.drop_nulls()
    empty = pl.lit([], dtype=pl.List(pl.String))
    return cleaned.list.unique(maintain_order=True).fill_null(empty)


def _from_json(column: pl.Expr) -> pl.Expr:
    quoted = pl.element().str.starts_with('"')
    word = pl.when(pl.element() != "null").then(pl.element())
    text = pl.when(quoted).then(pl.element()).str.json_decode(pl.String)
    scalar = pl.when(quoted).then(text).otherwise(word)
    return column.str.extract_all(_JSON_SCALAR).list.eval(scalar)
