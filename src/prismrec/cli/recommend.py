"""``prismrec recommend``: a list for one history, and why."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from prismrec.answer import Answer, Interest
from prismrec.artifact import load
from prismrec.cli.show import show
from prismrec.data.storage import load_dataset
from prismrec.errors import ConfigError


def recommend(
    artifact: Path,
    /,
    *,
    history: str | None = None,
    user: str | None = None,
    data: Path | None = None,
    k: Annotated[int, Parameter(name="-k")] = 20,
    diversity: float = 0.0,
    keep_seen: Annotated[bool, Parameter(negative="")] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Recommend to one history from a trained artifact.

    Args:
        artifact: Folder made by 'prismrec train'.
        history: Item ids, oldest first: A,B,C. An id with a comma in it: give it with --user.
        user: A user of the data set, instead of a history; needs --data.
        data: The data set folder that holds the user.
        k: Length of the list.
        diversity: 0 ranks by score alone; .05 to .5 makes categories differ more and more.
        keep_seen: Keep items of the history in the list.
        as_json: Print one JSON object.
    """
    names = read_history(history, user, data)
    recommender = load(artifact)
    answer = recommender.recommend(names, k, diversity=diversity, filter_seen=not keep_seen)
    interests = recommender.interests(names)
    value = {
        "items": [asdict(item) for item in answer],
        "interests": [asdict(interest) for interest in interests],
        "source": answer.source,
        "unknown": answer.unknown,
    }
    show(value, lines_of(answer, interests), as_json=as_json)


def read_history(history: str | None, user: str | None, data: Path | None) -> list[str]:
    """Give the history asked for, as external ids.

    Raises:
        ConfigError: Neither or both of history and user, or a user without a data set.
    """
    if (history is None) == (user is None):
        raise ConfigError("recommend needs one of --history A,B,C and --user NAME; give one.")
    if user is None:
        return [name for name in (history or "").split(",") if name]
    if data is None:
        raise ConfigError(f"--user {user} names a user of a data set; give its folder as --data.")
    dataset = load_dataset(data)
    number = int(dataset.users.index([user])[0])
    return dataset.catalog.items.external(dataset.histories[number].tolist())


def lines_of(answer: Answer, interests: list[Interest], width: int = 80) -> list[str]:
    """Lay an answer out for a person: the interests, then the list."""
    lines = []
    if answer.unknown:
        lines.append(f"not in the catalog, left out: {', '.join(answer.unknown)}")
    if answer.source == "popular":
        lines.append("no known item in the history: the most popular items")
    for interest in interests:
        made = ", ".join(reason.title for reason in interest.items[:3])
        name = f" ({interest.name})" if interest.name else ""
        lines.append(clipped(f"interest {interest.number}{name}: {made}", width))
    lines.append("")
    for rank, item in enumerate(answer, start=1):
        why = f"  {item.score:7.3f}  interest {item.interest}" if interests else ""
        title = clipped(item.title, width - 5 - len(why))
        lines.append(f"{rank:3}  {title:<{width - 5 - len(why)}}{why}".rstrip())
    return lines


def clipped(text: str, width: int) -> str:
    """Cut text to a width, showing that it was."""
    return text if len(text) <= width else text[: width - 1] + "…"
