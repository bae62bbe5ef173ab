"""The changes that this process has read from the journal, in the form in which it applies them."""

from collections.abc import Iterable, Sequence
from typing import Self

from prismrec.data import Cell
from prismrec.service.applied_changes import Values
from prismrec.service.changes import Added, Change, Reloaded, Updated, hide_again, keep_newest
from prismrec.service.loaded_artifact import Pair


class KnownChanges:
    """Changes in their order; of each attribute of an item only the newest value.

    So the memory does not grow with every change of a stock.

    Args:
        new: The first changes.
    """

    def __init__(self, new: Iterable[Change] = ()) -> None:
        self.changes: list[Change] = []
        """Without changes of attributes and without reloads."""
        self.values: dict[str, dict[str, Cell]] = {}
        """The newest values of attributes, by item and attribute."""
        self.hidden: set[str] = set()
        """The ids that the changes hide, also of items that nobody has added yet."""
        self.add(new)

    def add(self, new: Iterable[Change]) -> tuple[Sequence[Change], Values]:
        """Add changes; return those to apply, and the values of attributes to set with them.

        An item that is added gets the values that came before it, and is hidden if its id was.
        """
        start = len(self.changes)
        touched: dict[str, None] = {}
        for change in hide_again(new, self.hidden):
            if isinstance(change, Updated):
                keep_newest(self.values, [change])
                touched |= dict.fromkeys(item.id for item in change.items)
            elif not isinstance(change, Reloaded):
                self.changes.append(change)
                touched |= dict.fromkeys(_added([change]))
        values = {name: self.values[name] for name in touched if name in self.values}
        return self.changes[start:], values

    def copy(self) -> Self:
        """Return the changes that are known now."""
        copied = type(self)()
        copied.changes, copied.values = [*self.changes], {**self.values}
        copied.hidden = {*self.hidden}
        return copied

    def include(self, old: Self) -> bool:
        """Return whether these changes begin with other ones, and have values where those do.

        They do after a start shortened the file, and do not after the file was replaced.
        """
        return self.changes[: len(old.changes)] == old.changes and all(
            own.keys() <= self.values.get(name, {}).keys() for name, own in old.values.items()
        )

    def since(self, old: Self) -> tuple[Sequence[Change], Values]:
        """Return what is new since ``old``, which these changes include."""
        changes = self.changes[len(old.changes) :]
        added = set(_added(changes))
        values = {
            name: own
            for name, own in self.values.items()
            if name in added or own != old.values.get(name)
        }
        return changes, values


def applied(pair: Pair, changes: Sequence[Change], values: Values) -> Pair:
    """Return both artifacts with changes, and then with values of attributes."""
    main, compared = pair
    return (
        main.changed(changes).with_values(values),
        compared.changed(changes).with_values(values) if compared else None,
    )


def _added(changes: Iterable[Change]) -> list[str]:
    return [item.id for one in changes if isinstance(one, Added) for item in one.items]
