"""Find the layout of a text: delimiter, header, and lines above the header that are not data.

The decision is based on the first 100 lines, not on the first one alone: a title, a comment or a
spreadsheet's ``sep=;`` may come before the header.
"""

import csv
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from prismrec.data.readers.base import Parsing
from prismrec.data.readers.columns import is_header, roles_named
from prismrec.data.readers.json_lines import parse_object
from prismrec.data.readers.sequences import TIME, check_sequences
from prismrec.data.readers.text import first_lines
from prismrec.errors import DataError

DELIMITERS = (",", "\t", ";", "|")
COMMENTS = ("#", "%", "//", "--", '"#')
ABOVE = 20  # a header is searched in so many lines
Lines = list[tuple[int, str]]  # numbers from 1, and texts


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How the lines of a text are read."""

    delimiter: str
    columns: list[str] | None
    """Names of the columns; None if the lines are sequences."""
    has_header: bool
    skipped: int
    """Number of lines before the first row."""
    note: str | None = None
    """Sentence about lines that are skipped and are not the header."""


def find_layout(name: str, text: Path | bytes, parsing: Parsing) -> Layout:
    """Return the layout of a text.

    Raises:
        DataError: The text is empty, its lines end in carriage returns only, the delimiter is not
            in the first line, text that is no comment is above the header, or sequences look like
            events.
    """
    lines = first_lines(name, text)
    if "\r" in lines[0][1]:
        raise DataError(
            f"{name} ends its lines with carriage returns only, which cannot be read; write it "
            "with line feeds."
        )
    if lines[0][1].startswith("{") and parse_object(lines[0][1]) is not None:
        raise DataError(f"{name} contains JSON lines; give its name the ending .jsonl.")
    delimiter, lines, note = _skip_above(name, lines, parsing)
    number, first = lines[0]
    guess = detect(first, parsing.column_names)
    delimiter = delimiter or guess
    fields = cut(_without_mark(first, parsing.column_names), delimiter)
    if len(fields) == 1 and guess not in (" ", delimiter):
        raise DataError(
            f"{name} read with delimiter {delimiter!r} has a single column, {fields[0][:80]!r}; "
            f"its first line is separated by {guess!r}: give that delimiter, or none."
        )
    columns, has_header = fields, is_header(fields, parsing.column_names)
    if not has_header:
        if delimiter == " " and _are_sequences(lines, parsing):
            if parsing.delimiter is None:
                check_sequences(name, [line for _, line in lines])
            return Layout(
                delimiter=delimiter, columns=None, has_header=False, skipped=number - 1, note=note
            )
        numbered = _headerless(name, [cut(line, delimiter) for _, line in lines], parsing)
        columns, has_header = numbered or fields, numbered is None
    if has_header and ":" not in first and first.count('"') % 2:
        raise DataError(f"{name} has a line break in a name of its header; write it in one line.")
    return Layout(
        delimiter=delimiter, columns=columns, has_header=has_header,
        skipped=number if has_header else number - 1, note=note,
    )  # fmt: skip


def cut(line: str, delimiter: str) -> list[str]:
    """Return the fields of a line; quotes around fields are removed."""
    try:
        return next(csv.reader([line], delimiter=delimiter))
    except csv.Error:  # a field of more than 131,072 characters: a line of one long sequence
        return line.split(delimiter)


def detect(line: str, column_names: Collection[str] = ()) -> str:
    """Return the delimiter that yields most known column names, and then most fields.

    A space, if no other delimiter cuts the line.
    """

    def quality(delimiter: str) -> tuple[int, int]:
        fields = cut(line, delimiter)
        return (len(roles_named(fields, column_names)) if len(fields) > 1 else 0, len(fields))

    best = max(DELIMITERS, key=quality)
    # Spaces are also inside of names: they separate fields only if they yield more known names.
    spaced, _ = quality(" ")
    if len(cut(line, best)) == 1 or (spaced > 1 and spaced > quality(best)[0]):
        return " "
    return best


def _skip_above(name: str, lines: Lines, parsing: Parsing) -> tuple[str | None, Lines, str | None]:
    """Return the delimiter that is chosen or written in line 1, the other lines, and a note.

    Raises:
        DataError: Text that is no comment is above a header.
    """
    delimiter, note, all_lines = parsing.delimiter, None, lines
    written = re.fullmatch(r"\s*sep=(.)\s*", lines[0][1], re.IGNORECASE)
    if written and len(lines) > 1:
        delimiter, lines = delimiter or written[1], lines[1:]
    place = _header_place(lines, delimiter, parsing.column_names)
    if place is None:
        comments = 0
        while comments < len(lines) - 1 and _is_comment(lines[comments][1]):
            comments += 1
        # If every line begins with the mark, it belongs to the ids; a marked header is a header.
        if comments == len(lines) - 1 and _is_comment(lines[-1][1]):
            comments = 0
        if comments and _is_marked_header(lines, comments - 1, delimiter, parsing.column_names):
            comments -= 1
        place = comments
    else:
        odd = next((each for each in lines[:place] if not _is_comment(each[1])), None)
        if odd is not None:
            number, header = lines[place]
            raise DataError(
                f"{name} has its header in line {number:,} ({header[:80]!r}), below line "
                f"{odd[0]:,} ({odd[1][:80]!r}); delete the lines above the header, or begin each "
                "of them with #."
            )
    above = len(all_lines) - len(lines) + place
    if above:
        what = "line 1, which is not data" if above == 1 else f"{above} lines that are not data"
        note = f"{name}: skipped {what} ({all_lines[0][1][:80]!r})."
    return delimiter, lines[place:], note


def _header_place(lines: Lines, delimiter: str | None, names: Collection[str]) -> int | None:
    """Return the place of a header with more known names than the first line; None without one."""

    def fields_of(place: int) -> list[str]:
        line = lines[place][1]
        return cut(line, delimiter or detect(line, names))

    first, second = fields_of(0), fields_of(min(1, len(lines) - 1))
    is_title = detect(lines[0][1], names) == " " and len(first) != len(second)
    least = 2 if is_title else max(2, len(roles_named(first, names)) + 1)
    for place in range(1, min(ABOVE, len(lines))):
        fields = fields_of(place)
        if len(roles_named(fields, names)) < least or _is_comment(lines[place][1]):
            continue
        is_last = place + 1 == len(lines)
        # Words of a sequence may be names by chance; between other delimiters they are a header.
        is_spaced = (delimiter or detect(lines[place][1], names)) == " "
        if is_last or not is_spaced or len(fields_of(place + 1)) >= 2:
            return place
    return None


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith(COMMENTS)


def _without_mark(line: str, names: Collection[str]) -> str:
    """Return a header without a comment mark: ``# user,item,time``."""
    unmarked = re.sub(r"^\s*(?:#|%|//|--)\s*", "", line)
    is_marked = unmarked != line and line.split(maxsplit=1)[0] not in names
    if is_marked and len(roles_named(cut(unmarked, detect(unmarked, names)), names)) >= 2:
        return unmarked
    return line


def _is_marked_header(
    lines: Lines, place: int, delimiter: str | None, names: Collection[str]
) -> bool:
    """Return whether a comment is a header: known names, and as many as the next line's fields."""
    line = _without_mark(lines[place][1], names)
    delimiter = delimiter or detect(line, names)
    fields = cut(line, delimiter)
    has_names = len(roles_named(fields, names)) >= 2
    return has_names and len(fields) == len(cut(lines[place + 1][1], delimiter))


def _are_sequences(lines: Lines, parsing: Parsing) -> bool:
    """Return whether lines without a header, separated by spaces, are sequences.

    Naming column_1 as the user and column_2 as the item does not make a table of sequences.
    """
    if not parsing.column_names:
        return True
    if list(parsing.column_names) != ["column_1", "column_2"]:
        return False
    return len({len(line.split()) for _, line in lines}) > 1


def _headerless(name: str, rows: Sequence[Sequence[str]], parsing: Parsing) -> list[str] | None:
    """Return column names if the first line is data; None if it is a header after all.

    Raises:
        DataError: The columns of a known layout seem to be in another order.
    """
    width = len(rows[0])
    numbered = [f"column_{position}" for position in range(1, width + 1)]
    if parsing.column_names:
        return numbered if set(parsing.column_names) <= set(numbered) else None
    is_data = any(re.fullmatch(r"\s*-?\d+(\.\d*)?\s*", each) for each in rows[0])
    layout = parsing.layouts.get(width)
    same_width = sum(len(row) == width for row in rows)
    if not (layout and is_data) or 2 * same_width < len(rows):
        return None
    if "time" in layout:
        _check_order(name, [row for row in rows if len(row) == width], list(layout).index("time"))
    return list(layout)


def _check_order(name: str, rows: Sequence[Sequence[str]], time: int) -> None:
    """Raise if another column than that of time looks like times, and that of time does not."""
    looks = [
        all(TIME.fullmatch(row[place].strip()) for row in rows) for place in range(len(rows[0]))
    ]
    if any(looks) and not looks[time]:
        place = looks.index(True) + 1
        raise DataError(
            f"{name} has no header, and column_{place} looks like times, but column_{time + 1} "
            "does not; name the columns of user, item and time, such as column_1, column_2 and "
            "column_3."
        )
