"""The record of how a recommender was made: it stays true, and it is JSON."""

import json
from collections.abc import Mapping
from typing import Any

from prismrec.errors import ConfigError, described, is_number, to_python
from prismrec.models import Forming

OF_TRAINING = ("run", "result", "start", "dataset", "split")
"""Entries that ``fit`` writes, and that nothing else may replace."""
TAKEN = "taken from the model with "
"""Begins the sentence on rules that were not chosen for the interests of now."""


def with_other_forming(
    about: Mapping[str, Any], was: Forming | None, forming: Forming | None
) -> dict[str, Any]:
    """Return a record, or the notes of a training, after interests are formed in another way.

    Args:
        about: The record before. What was measured with the interests of before is removed.
        was: How interests were formed before; None: they were not.
        forming: How they are formed now.
    """
    run = about.get("run")
    stated = isinstance(run, Mapping) and bool(run.get("forming")) != (forming is not None)
    if forming == was and not stated:
        return dict(about)
    kept = _without(about, "interests", "advice", "popularity")
    rules = kept.get("rules")
    if (forming is None) != (was is None) and isinstance(rules, str):
        interests = "several interests" if was else "one interest"
        kept["rules"] = rules if rules.startswith(TAKEN) else f"{TAKEN}{interests}: {rules}"
    result = kept.get("result")
    if (forming is None) != (was is None):
        kept = _without(kept, "validation")
        if isinstance(result, Mapping):
            kept["result"] = {**result, "validation": None}
    return _with_setting(kept, "forming", forming is not None)


def with_other_rules(about: Mapping[str, Any], blended: bool) -> dict[str, Any]:
    """Return a record after other rules are blended in, or none."""
    return _with_setting(_without(about, "rules", "popularity"), "rules", blended)


def added_to(about: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with more entries, as JSON.

    Raises:
        ConfigError: One of them would replace what ``fit`` wrote, or a value is no JSON.
    """
    before, added = _as_json(about), _as_json(more)
    for name in OF_TRAINING:
        if name in before and added.get(name, before[name]) != before[name]:
            raise ConfigError(
                f"about has an entry {name!r}, but the record of the training has one of this name "
                "with another value; give it another name."
            )
    return before | added


def _as_json(about: Mapping[str, Any]) -> dict[str, Any]:
    plain = to_python(about)
    _check_json(plain, "about")
    read: dict[str, Any] = json.loads(json.dumps(plain))  # as it will be read: keys are texts
    return read


def _check_json(value: object, name: str) -> None:
    """Raise ConfigError for a value that is no JSON."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            if not isinstance(key, str | int):
                raise ConfigError(
                    f"A key of {name} is {described(key)}, which is no JSON; give a text."
                )
            _check_json(each, f"{name}[{key!r}]")
    elif isinstance(value, list | tuple):
        for place, each in enumerate(value):
            _check_json(each, f"{name}[{place}]")
    elif not (value is None or isinstance(value, str | bool | int) or is_number(value)):
        raise ConfigError(
            f"{name} is {described(value)}, which is no JSON; give texts, numbers, true or false, "
            "None, and lists and mappings of them."
        )


def _without(about: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in about.items() if name not in names}


def _with_setting(about: dict[str, Any], name: str, value: bool) -> dict[str, Any]:
    """Return a record whose settings have this value, if it has any."""
    run = about.get("run")
    return about | {"run": {**run, name: value}} if isinstance(run, Mapping) else about
