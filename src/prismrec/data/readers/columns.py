"""Find the columns of users, items, times, …: by common names, or by the caller's names."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from prismrec.data.readers.weighting import NO_WEIGHTING, Weighting
from prismrec.errors import ConfigError, DataError, list_of_texts
from prismrec.registry import check_fields

VALUES: dict[str, tuple[str, ...]] = {
    "rating": ("rating", "ratings", "overall", "stars", "score", "reviewscore", "liked", "like"),
    "quantity": ("quantity", "qty", "amount", "count", "units", "orderquantity"),
    "weight": ("weight", "strength", "playcount", "plays", "watchratio", "dwelltime"),
    "return": ("returned", "isreturn", "isreturned", "return", "refund", "refunded", "cancelled"),
}
"""Common names of columns with the weight of an event; they are reported, not used."""
NAMES: dict[str, tuple[str, ...]] = {
    "user": (
        "user", "userid", "uid", "reviewerid", "customerid", "visitorid", "accountid",
        "memberid", "customer", "username", "sessionid",
    ),
    "item": (
        "item", "itemid", "iid", "productid", "parentasin", "asin", "movieid", "bookid",
        "trackid", "songid", "artistid", "articleid", "newsid", "videoid", "businessid",
        "goodsid", "gmapid", "sku", "isbn", "product", "movie",
    ),
    "time": (
        "timestamp", "time", "ts", "unixreviewtime", "eventtime", "eventtimestamp", "unixtime",
        "datetime", "createdat", "date", "reviewtime",
    ),
    "event": (
        "event", "eventtype", "behavior", "behaviour", "behaviortype", "behaviourtype",
        "action", "actiontype",
    ),
    "category": (
        "category", "categories", "categoryid", "cateid", "cate", "genres", "genre", "class",
        "tags", "attributes",
    ),
    "title": ("title", "itemtitle", "movietitle", "producttitle", "productname", "name"),
    "image": (
        "image", "imageurl", "imurl", "imgurl", "picture", "pictureurl", "poster", "posterurl",
        "thumbnail", "thumbnailurl",
    ),
}  # fmt: skip
"""Common names of each role, best first, in lower-case letters and digits only."""
NUMBERED = re.compile(r"column_[1-9]\d*")
"""The name of a column of a file without a header."""


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Columns of an event log chosen by the caller. If a name is None, common names are tried.

    ``NAMES`` has the common names; docs/commands.md lists them. The columns of a file without a
    header are named ``column_1``, ``column_2``, ….

    docs/python.md describes the fields.

    Raises:
        ConfigError: A value has another type, or an option of categories is impossible.
    """

    user: str | None = None
    """Column of the ids of users."""
    item: str | None = None
    """Column of the ids of items."""
    time: str | None = None
    """Column of times."""
    event: str | None = None
    """Column of the kinds of event, such as "view" and "purchase"; a log need not have one."""
    category: str | None = None
    """Column of the categories of the item; a log need not have one."""
    order: Literal["time", "file"] = "time"
    """"file": the rows are in time order, and no column of times is read."""
    category_separator: str = "|"
    """Text between the categories of a text cell."""
    category_depth: int | None = None
    """Number of levels to keep, at least 1, of categories such as ``A > B > C``; None: all."""
    weighting: Weighting = NO_WEIGHTING
    """Weights of events, and which of them are dislikes."""

    def __post_init__(self) -> None:
        """Check the types of the values, and the options of categories."""
        check_fields(self)
        check_separator(self.category_separator)
        check_depth(self.category_depth)

    @property
    def names(self) -> list[str]:
        """The names that the caller chose."""
        names = (self.user, self.item, self.time, self.event, self.category, self.weighting.column)
        return [name for name in names if name is not None]


@dataclass(frozen=True, kw_only=True)
class ItemColumns:
    """Columns of items chosen by the caller. If a name is None, common names are tried.

    docs/python.md describes the fields.

    Raises:
        ConfigError: A value has another type, or an option of categories is impossible.
    """

    item: str | None = None
    """Column of the ids of items."""
    title: str | None = None
    """Column of titles."""
    categories: str | None = None
    """Column of categories."""
    image: str | None = None
    """Column of the https addresses of pictures."""
    category_depth: int | None = None
    """Number of levels to keep, at least 1, of categories such as ``A > B > C``; None: all."""
    attributes: Sequence[str] = ()
    """Columns to read as attributes, each perhaps with its type: ``price:number``, ``boolean``,
    ``text`` or ``set``; or only ``all``, for every column that is not read otherwise."""

    def __post_init__(self) -> None:
        """Check the values, and make ``attributes`` a tuple."""
        names = tuple(list_of_texts(self.attributes, "attributes is", "The name of an attribute"))
        object.__setattr__(self, "attributes", names)
        check_fields(self)
        check_depth(self.category_depth)


def check_depth(depth: int | None) -> None:
    """Raise ConfigError if a number of levels is below 1."""
    if depth is not None and depth < 1:
        raise ConfigError(f"category_depth is {depth}; it must be at least 1.")


def check_separator(separator: str) -> None:
    """Raise ConfigError if the text between categories is empty."""
    if not separator:
        raise ConfigError("category_separator is empty; give the text between categories.")


def normalize_name(name: str) -> str:
    """Reduce a name to lower-case letters and digits, without RecBole's type: ``userid``."""
    return re.sub(r"[^a-z0-9]", "", name.partition(":")[0].lower())


def is_header(names: Sequence[str], column_names: Collection[str]) -> bool:
    """Return whether a first line contains column names rather than data.

    If the caller's names are those of a file without a header, one common name may be data.
    """
    least = 2 if column_names and all(map(NUMBERED.fullmatch, column_names)) else 1
    is_chosen = any(name.partition(":")[0] in column_names for name in names)
    return is_chosen or len(roles_named(names, ())) >= least


def roles_named(fields: Collection[str], column_names: Collection[str]) -> set[str]:
    """Return the roles of which fields are common names, and the chosen names among the fields."""
    normalized = {normalize_name(field) for field in fields}
    roles = {role for role, names in NAMES.items() if not normalized.isdisjoint(names)}
    return roles | {field for field in fields if field.partition(":")[0] in column_names}


def find_column(role: str, columns: Sequence[str], name: str | None, *, table: str) -> str | None:
    """Find the column of a role: ``user``, ``item``, ``time``, ``event``, ….

    Args:
        role: A key of ``NAMES``.
        columns: The column names of the table.
        name: The caller's name of the column, with or without RecBole's ``:type``; None to try
            the common names.
        table: Description of the table, for the message.

    Returns:
        The full name of the column; None if no name was chosen and no common name fits.

    Raises:
        DataError: The table has no column of the chosen name, or has two columns of this name.
    """
    if name is not None:
        found = next((c for c in columns if name in (c, c.partition(":")[0])), None)
        if found is None:
            raise DataError(
                f"The {role} column {name!r} is not in {table}; choose one of its columns: "
                f"{quote_names(columns)}."
            )
    else:
        normalized = {normalize_name(column): column for column in reversed(columns)}
        found = next((normalized[name] for name in NAMES[role] if name in normalized), None)
    if found is not None and list(columns).count(found) > 1:
        raise DataError(
            f"{table} has two columns named {found!r}, and the {role} is read from it; rename one "
            "of them."
        )
    return found


def require_column(role: str, columns: Sequence[str], name: str | None, *, table: str) -> str:
    """Find the column of a role as ``find_column`` does.

    Raises:
        DataError: There is no such column; the message lists the columns of the table.
    """
    column = find_column(role, columns, name, table=table)
    if column is None:
        in_order = ' If the rows are in time order, give order="file".' if role == "time" else ""
        raise DataError(
            f"{table} has no {role} column with a common name; its columns are "
            f'{quote_names(columns)}: name the {role} column, such as {role}="label", or column_1, '
            f"column_2, … if there is no header.{in_order}"
        )
    return column


def quote_names(columns: Sequence[str]) -> str:
    """Return names for a message, separated by commas, at most 20 of them."""
    more = f" and {len(columns) - 20} more" if len(columns) > 20 else ""
    return ", ".join(repr(column[:80]) for column in columns[:20]) + more
