"""The changes that this process has read from the journal, in the form in which it applies them."""

from collections.abc import Iterable, Sequence
from typing import Self

from prismrec.data import Cell
from prismrec.service.applied_changes import Values
from prismrec.service.changes import Added, Change, Mark, Updated, keep_newest, marked, marks_of
from prismrec.service.loaded_artifact import Pair


class KnownChanges:
    """New items in their order; of marks and of each attribute of an item only the newest one.

    So the memory does not grow with every change of a stock, or with an item that is hidden and
    unhidden again.

    Args:
        new: The first changes.
    """

    def __init__(self, new: Sequence[Change] = ()) -> None:
        self.added: list[Added] = []
        self.marks: dict[str, Mark] = {}
        """Whether an id is hidden or unhidden, also of items that nobody has added yet."""
        self.values: dict[str, dict[str, Cell]] = {}
        """The newest values of attributes, by item and attribute."""
        self.add(new)

    @property
    def changes(self) -> list[Change]:
        """All changes without values of attributes and reloads; see ``joined``."""
        return [*self.added, *marked(self.marks)]

    def add(self, new: Sequence[Change]) -> tuple[Sequence[Change], Values]:
        """Add changes; return those to apply, and the values of attributes to set with them.

        An item that is added gets the values that came before it, and is hidden if its id was.
        """
        added = [one for one in new if isinstance(one, Added)]
        marks = marks_of(new)
        self.added += added
        self.marks |= marks
        keep_newest(self.values, new)
        ids = _added(added)
        updated = [item.id for one in new if isinstance(one, Updated) for item in one.items]
        marks |= {name: self.marks[name] for name in ids if name in self.marks}
        touched = dict.fromkeys([*updated, *ids])
        values = {name: self.values[name] for name in touched if name in self.values}
        return [*added, *marked(marks)], values

    def copy(self) -> Self:
        """Return the changes that are known now."""
        copied = type(self)()
        copied.added, copied.marks, copied.values = [*self.added], {**self.marks}, {**self.values}
        return copied

    def include(self, old: Self) -> bool:
        """Return whether these changes begin with other ones, and have marks and values they have.

        They do after a start shortened the file, and do not after the file was replaced.
        """
        return (
            self.added[: len(old.added)] == old.added
            and old.marks.keys() <= self.marks.keys()
            and all(
                own.keys() <= self.values.get(name, {}).keys() for name, own in old.values.items()
            )
        )

    def since(self, old: Self) -> tuple[Sequence[Change], Values]:
        """Return what is new since ``old``, which these changes include."""
        added = self.added[len(old.added) :]
        ids = set(_added(added))
        marks = {
            name: mark
            for name, mark in self.marks.items()
            if name in ids or mark != old.marks.get(name)
        }
        values = {
            name: own
            for name, own in self.values.items()
            if name in ids or own != old.values.get(name)
        }
        return [*added, *marked(marks)], values


def applied(pair: Pair, changes: Sequence[Change], values: Values) -> Pair:
    """Return both artifacts with changes, and then with values of attributes."""
    main, compared = pair
    return (
        main.changed(changes).with_values(values),
        compared.changed(changes).with_values(values) if compared else None,
    )


def _added(changes: Iterable[Added]) -> list[str]:
    return [item.id for one in changes for item in one.items]
