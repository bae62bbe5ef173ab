"""Options that describe a file of items."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from prismrec.cli._errors import with_flags
from prismrec.cli._headings import ITEMS
from prismrec.data import ItemColumns, ItemDescriptions, read_items
from prismrec.errors import ConfigError, DataError

FLAGS = {
    "item": "--items-id-column",
    "title": "--items-title-column",
    "categories": "--items-category-column",
    "image": "--items-image-column",
    "delimiter": "--items-delimiter",
    "encoding": "--items-encoding",
}
"""Flags by the names of the parameters of ``read_items``."""


@dataclass(frozen=True, kw_only=True)
class ItemFileOptions:
    """How to read a file of items."""

    items_id_column: Annotated[str | None, Parameter(group=ITEMS)] = None
    """Name of the column of ids in the file of items, if it is neither id nor a common name."""
    items_title_column: Annotated[str | None, Parameter(group=ITEMS)] = None
    """Name of its column of titles, if it is not a common name."""
    items_category_column: Annotated[str | None, Parameter(group=ITEMS)] = None
    """Name of its column of categories, likewise."""
    items_image_column: Annotated[str | None, Parameter(group=ITEMS)] = None
    """Name of its column of addresses of pictures, likewise."""
    items_delimiter: Annotated[str | None, Parameter(group=ITEMS)] = None
    """Character between the fields of the file of items; detected from the header by default."""
    items_encoding: Annotated[str, Parameter(group=ITEMS)] = "utf-8"
    """Encoding of the file of items."""

    def check_unused(self) -> None:
        """Raise ConfigError for an option that describes the file of items, if there is none."""
        default = type(self)()
        for flag in ("--attributes", *FLAGS.values()):
            name = flag.removeprefix("--").replace("-", "_")
            if getattr(self, name, None) != getattr(default, name, None):
                raise ConfigError(
                    f"{flag} describes the file of items, but no file was given; add --items FILE."
                )

    def read(self, path: Path, columns: ItemColumns, separator: str) -> ItemDescriptions:
        """Read the items of a file.

        Raises:
            DataError: It cannot be read; the message has the flags of these options.
        """
        columns = replace(
            columns, item=self.items_id_column, title=self.items_title_column,
            categories=self.items_category_column, image=self.items_image_column,
        )  # fmt: skip
        try:
            items = read_items(
                path, columns=columns, separator=separator, delimiter=self.items_delimiter,
                encoding=self.items_encoding,
            )  # fmt: skip
        except DataError as error:
            raise DataError(with_flags(str(error), FLAGS)) from error
        return replace(items, notes=tuple(with_flags(note, FLAGS) for note in items.notes))
