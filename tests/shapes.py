"""The check that the import hook puts on every function of the numeric parts, in tests only."""

from typing import Any

import beartype

# ``is_pep484_tower`` lets 0 pass for a float.
CONF = beartype.BeartypeConf(is_pep484_tower=True)


def check(function: Any) -> Any:
    """Check a function's annotations, shapes among them, at every call."""
    return beartype.beartype(function, conf=CONF)
