"""One of several parts of the users, for several machines."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prismrec.errors import ConfigError


@dataclass(frozen=True)
class Shard:
    """One of several parts of the users.

    Raises:
        ConfigError: ``number`` is not from 1 to ``of``.
    """

    number: int = 1
    """From 1 to ``of``."""
    of: int = 1
    """The number of shards."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not 1 <= self.number <= self.of:
            raise ConfigError(
                f"The shard is {self.number}/{self.of}; write its number, from 1, and the number "
                "of shards, as 2/8."
            )

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Read ``2/8``.

        Raises:
            ConfigError: It is not of this form, or the first number is not from 1 to the second.
        """
        found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text.strip(), re.ASCII)
        if not found:
            raise ConfigError(
                f"The shard is {text!r}; write its number, from 1, and the number of shards, as "
                "2/8."
            )
        return cls(*map(int, found.groups()))

    def rows(self, first: int, number: int) -> NDArray[np.int64]:
        """Return the places in this shard of ``number`` rows that begin with row ``first``."""
        return np.arange((self.number - 1 - first) % self.of, number, self.of)

    def file(self, out: Path) -> Path:
        """Return the file of this shard: ``lists-2-of-8.parquet`` for ``lists.parquet``."""
        if self.of == 1:
            return out
        digits = len(str(self.of))
        return out.with_name(f"{out.stem}-{self.number:0{digits}}-of-{self.of}{out.suffix}")


WHOLE = Shard()
"""All users, as one shard."""
