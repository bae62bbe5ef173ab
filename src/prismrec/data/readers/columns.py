"""Which column of a table is the user, the item, the time: by name, or as the caller says."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields

from prismrec.errors import DataError

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
}  # fmt: skip
"""Common names of each role, best first, in small letters and digits alone."""


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The caller's names of columns; where one is None the common names are tried.

    The columns of a file without a header are called ``column_1``, ``column_2``, ….
    """

    user: str | None = None
    item: str | None = None
    time: str | None = None
    event: str | None = None
    category: str | None = None

    @property
    def given(self) -> list[str]:
        """The names that the caller gave."""
        values = (getattr(self, field.name) for field in fields(self))
        return [name for name in values if name is not None]


def plain(name: str) -> str:
    """Reduce a name to small letters and digits, without RecBole's type: ``userid``."""
    return re.sub(r"[^a-z0-9]", "", name.partition(":")[0].lower())


def is_header(names: Sequence[str], given: Collection[str]) -> bool:
    """Say whether a first line holds names of columns rather than data."""
    known = {name for common in NAMES.values() for name in common}
    return any(plain(name) in known or name.partition(":")[0] in given for name in names)


def find(role: str, columns: Sequence[str], given: str | None, *, where: str) -> str | None:
    """Find the column of a role: ``user``, ``item``, ``time``, ``event``, ….

    Args:
        role: A key of ``NAMES``.
        columns: The names that the table has.
        given: What the caller calls it: in full, or without RecBole's ``:type``.
        where: The table, for the message.

    Returns:
        The column's name in full; None if nothing was given and no common name stands there.

    Raises:
        DataError: The table has no column of the given name.
    """
    if given is not None:
        for column in columns:
            if given in (column, column.partition(":")[0]):
                return column
        raise DataError(
            f"The {role} column of {where} is said to be {given!r}; "
            f"the columns found are {listed(columns)}: give one of these."
        )
    by_plain = {plain(column): column for column in reversed(columns)}
    return next((by_plain[name] for name in NAMES[role] if name in by_plain), None)


def require(role: str, columns: Sequence[str], given: str | None, *, where: str) -> str:
    """Find the column of a role as ``find`` does.

    Raises:
        DataError: There is none; the message lists the columns found.
    """
    found = find(role, columns, given, where=where)
    if found is None:
        raise DataError(
            f"No {role} column is told by its name in {where}; the columns found are "
            f"{listed(columns)}: name the {role} column, or column_1, column_2, … where there is "
            "no header."
        )
    return found


def listed(columns: Sequence[str]) -> str:
    """List names for a message, at most 20 of them."""
    more = f" and {len(columns) - 20} more" if len(columns) > 20 else ""
    return ", ".join(repr(column) for column in columns[:20]) + more
