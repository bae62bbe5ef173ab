"""The changes of a service, applied to a recommender: hidden and new items, values of attributes.

saved = SavedChanges.read(Path("model.changes"))
saved.apply(load("model"))        # a recommender with the items that the service answers with

A running service and lists that are made without it (``prismrec recommend --changes``) follow the
same rules.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from prismrec.data import Catalog, Cell, check_cells
from prismrec.errors import ConfigError, DataError
from prismrec.recommend import NewItem, Recommender
from prismrec.service.changes import (
    Added,
    AddedItem,
    Change,
    ChangeJournal,
    Marked,
    Reloaded,
    joined,
    keep_newest,
)

Values = Mapping[str, Mapping[str, Cell]]
"""Values of attributes by item and attribute; None for no value."""


@dataclass(frozen=True)
class SavedChanges:
    """All changes in the file of a service, without reloads; the file is only read."""

    changes: Sequence[Change]

    @classmethod
    def read(cls, path: Path) -> "SavedChanges":
        """Read a file of changes, as the start of a service does.

        Raises:
            DataError: There is no such file.
            StoreError: It cannot be read, or a line is not a change.
        """
        if not path.is_file():
            raise DataError(
                f"There is no file of changes at {path}; give the file of the service, which is "
                "ARTIFACT.changes by default, or leave the option out if nothing was changed."
            )
        return cls([one for one in ChangeJournal(path).new() if not isinstance(one, Reloaded)])

    @property
    def digest(self) -> str:
        """A text that is equal for changes of equal effect, also after the file is shortened."""
        text = repr((joined(self.changes), self._values))
        return blake2b(text.encode(), digest_size=8).hexdigest()

    def apply(self, recommender: Recommender) -> Recommender:
        """Return the recommender of an artifact with the changes, as a service answers."""
        own = recommender.catalog.size - 1
        return apply_values(apply_changes(recommender, joined(self.changes), own), self._values)

    @property
    def _values(self) -> dict[str, dict[str, Cell]]:
        values: dict[str, dict[str, Cell]] = {}
        keep_newest(values, self.changes)
        return values


def apply_changes(recommender: Recommender, changes: Sequence[Change], own: int) -> Recommender:
    """Return a recommender with hidden and new items.

    An item that was new when it was added, and that the artifact has, is left out: the title and
    the categories are those of the artifact. A change that is impossible with this artifact, such
    as a new item in a category that it does not have, is left out too: it was possible with an
    earlier artifact.

    Args:
        recommender: Of the artifact, perhaps with earlier changes.
        changes: In their order. Values of attributes are for ``apply_values``.
        own: Number of items of the artifact itself.

    Cost: one copy of the model per change that adds new items. Changes are not joined, because the
        vector of an item may depend on an item that was added before.
    """
    for change in changes:
        if isinstance(change, Added):
            has = recommender.catalog.items.index_known
            items = [one for one in change.items if not (one.new and (has([one.id]) <= own).any())]
            recommender = _with_possible(recommender, items) if items else recommender
        elif isinstance(change, Marked):
            hides = change.kind == "hide"
            mark = recommender.with_hidden if hides else recommender.with_visible
            recommender = mark(change.items)
    return recommender


def apply_values(recommender: Recommender, values: Values) -> Recommender:
    """Return a recommender with other values of attributes.

    Unknown items, unknown attributes and values of another type are left out: they were possible
    with an earlier artifact, or will be with a later one.

    Cost: a copy of each attribute that changes.
    """
    attributes = recommender.catalog.attributes
    if attributes is None or not values:
        return recommender
    usable = {
        item: {name: cell for name, cell in own.items() if attributes.accepts(name, cell)}
        for item, own in values.items()
    }
    return recommender.with_attributes(usable)


def check_values(values: Values, catalog: Catalog) -> None:
    """Raise if a catalog cannot have such values of attributes, of whatever items.

    Raises:
        UnknownName: There is no such attribute.
        ConfigError: A value has another type, or the catalog has no attributes.
    """
    if catalog.attributes is None:
        raise ConfigError(
            "Attributes of items were sent, but the artifact has none; train it from a data set "
            "that was prepared with --items FILE --attributes NAMES."
        )
    for item, own in values.items():
        for name, cell in own.items():
            check_cells(name, catalog.attributes.column(name).kind, {item: cell})


def with_items(recommender: Recommender, items: Sequence[AddedItem]) -> Recommender:
    """Return a recommender with these items; None as title or categories changes nothing.

    Raises:
        DataError: An id appears twice, or a new item has neither a category nor a related item.
    """
    return recommender.with_items([NewItem(**item.model_dump(exclude={"new"})) for item in items])


def _with_possible(recommender: Recommender, items: Sequence[AddedItem]) -> Recommender:
    """Return a recommender with the items that are possible.

    An item whose vector cannot be projected, because this artifact was trained without content
    vectors or with those of another encoder, gets its vector from its categories.
    """
    try:
        return with_items(recommender, items)
    except DataError:
        for item in items:
            without = [] if item.vector is None else [item.model_copy(update={"vector": None})]
            for usable in (item, *without):
                try:
                    recommender = with_items(recommender, [usable])
                    break
                except DataError:
                    continue
        return recommender
