"""Which events are dislikes, and which kinds are known: as in the data set of an artifact."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prismrec.data import Comparison
from prismrec.errors import ConfigError, DataError
from prismrec.recommend import weighting_of


@dataclass(frozen=True)
class EventRules:
    """What the kind and the value of an event mean. By default nothing."""

    dislikes: Comparison | None = None
    """Events that match are dislikes; those without the compared field do not match."""
    by_kind: bool = False
    """Whether the kind is compared, and not the value."""
    kinds: frozenset[str] = frozenset()
    """Known kinds, as far as they are listed."""

    @classmethod
    def of(cls, about: Mapping[str, Any]) -> "EventRules":
        """Return the rules of an artifact, from the part ``about`` of its manifest.

        An artifact that does not state its data set, or of one without weights and dislikes, has
        none.

        Raises:
            DataError: The entry is wrong.
        """
        found = weighting_of(about)
        try:
            by, text = found.get("dislikes_by"), found.get("dislikes")
            dislikes = None if text is None or by is None else Comparison.parse(text)
            kinds = {*found.get("kinds", ()), *found.get("kept_kinds", ())}
        except (TypeError, ConfigError) as error:
            raise DataError(
                "The manifest of the artifact has a wrong entry in about.dataset.weighting; "
                "restore the whole folder or train again."
            ) from error
        by_kind = dislikes is not None and by == "kind"
        if dislikes is not None and by_kind:
            kinds.add(dislikes.value)
        return cls(dislikes, by_kind, frozenset(kinds))

    def is_dislike(self, kind: str | None, value: float | None) -> bool:
        """Return whether an event of this kind and value is a dislike."""
        compared = kind if self.by_kind else value
        return (
            self.dislikes is not None and compared is not None and self.dislikes.matches(compared)
        )

    def is_known(self, kind: str) -> bool:
        """Return whether a kind is listed, or decides by itself that an event is a dislike."""
        return kind in self.kinds or (self.by_kind and self.is_dislike(kind, None))
