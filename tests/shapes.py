"""Check the annotations of all numeric functions; the import hook in conftest.py uses this."""

from typing import Any

import beartype

# ``is_pep484_tower`` accepts 0 as a float.
CONF = beartype.BeartypeConf(is_pep484_tower=True)


def check(function: Any) -> Any:
    """Check the annotations of a function, including array shapes, at every call."""
    return beartype.beartype(function, conf=CONF)
