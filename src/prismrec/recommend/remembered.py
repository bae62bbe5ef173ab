"""The interests of the newest histories, so that a history that comes again is not read again.

    remembered = RememberedInterests(model)
    interests = remembered.read(histories, model.interests_of, states=False)

A page asks for the list of one history several times: with another diversity, other weights, the
next items. A shop shows several lists to one user. Each time the interests are the same.
"""

from collections.abc import Callable, Mapping, Sequence
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray

from prismrec.models import Model, join_rows
from prismrec.types import Interests

REMEMBERED = 1 << 23
"""Numbers that are kept, 32 MiB: with D = 64 some 1,600 histories of 50 events, with their states.
"""
TOGETHER = 64
"""More histories than this in one call are not kept: they are a whole file, each read once."""
Read = Callable[[Sequence[NDArray[np.int64]]], Interests]


class RememberedInterests:
    """The interests of the newest histories of one model; safe for threads."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.found: dict[bytes, Interests] = {}
        """By history; the newest one is the last."""
        self.size, self.lock = 0, Lock()

    def read(
        self, histories: Sequence[NDArray[np.int64]], read: Read, *, states: bool
    ) -> Interests:
        """Return the interests of some histories.

        Args:
            histories: Item numbers, oldest first.
            read: Returns the interests of those that are not known.
            states: Whether the interests need their states.

        Cost: that of ``read`` for the others; O(L D) memory for each that is kept.
        """
        if not 0 < len(histories) <= TOGETHER:
            return read(histories)
        longest = self.model.extractor.max_len
        keys = [history[-longest:].tobytes() for history in histories]
        with self.lock:
            known = {n: self.found[key] for n, key in enumerate(keys) if key in self.found}
        known = {n: one for n, one in known.items() if one.states is not None or not states}
        new = [n for n in range(len(keys)) if n not in known]
        parts = [
            (torch.tensor([n]), one if states else one._replace(states=None))
            for n, one in known.items()
        ]
        if new:
            interests = read([histories[n] for n in new])
            parts.append((torch.tensor(new), interests))
            for place, n in enumerate(new):
                known[n] = _one(interests, place, min(len(histories[n]), longest))
        self._keep({keys[n]: one for n, one in known.items()})
        return join_rows(parts)

    def _keep(self, newest: Mapping[bytes, Interests]) -> None:
        """Keep interests as the newest ones, and drop the oldest ones beyond ``REMEMBERED``."""
        with self.lock:
            for key, one in newest.items():
                if key in self.found:
                    self.size -= _numbers(self.found.pop(key))
                self.found[key] = one
                self.size += _numbers(one)
            while self.size > REMEMBERED:
                self.size -= _numbers(self.found.pop(next(iter(self.found))))


def _one(interests: Interests, row: int, events: int) -> Interests:
    """Return a copy of the interests of one row, without padding: it keeps no other row."""
    one = interests.rows(torch.tensor([row]))
    weights = one.weights[..., : max(events, 1)].clone()
    states = None if one.states is None else one.states[:, :, : max(events, 1)].clone()
    return one._replace(weights=weights, states=states)


def _numbers(one: Interests) -> int:
    return sum(part.numel() for part in one if part is not None)
