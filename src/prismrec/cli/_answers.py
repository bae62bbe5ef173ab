"""An answer as lines of text: the interests, then the list."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from prismrec.recommend import Answer


def answer_lines(answer: Answer, width: int = 80) -> list[str]:
    """Lay an answer out for a person: the interests, then the list."""
    lines = filter_lines(answer.unknown_filter)
    if answer.unknown:
        lines.append(f"not in the catalog, left out: {', '.join(answer.unknown)}")
    if answer.source == "popular":
        lines.append("no known item in the history: what is popular, of different categories")
    for interest in answer.interests:
        made = ", ".join(reason.title for reason in interest.items[:3])
        name = f" ({interest.name})" if interest.name else ""
        lines.append(clipped(f"interest {interest.number}{name}: {made}", width))
    lines.append("")
    for rank, item in enumerate(answer, start=1):
        moved = f" from {item.rank_by_score}" if item.rank_by_score != rank else ""
        why = f"{moved}  {item.score:7.3f}" + (
            f"  interest {item.interest}" if answer.interests else ""
        )
        title = clipped(item.title, width - 5 - len(why))
        lines.append(f"{rank:3}  {title:<{width - 5 - len(why)}}{why}".rstrip())
    lines += _after(answer)
    return lines


def _after(answer: Answer) -> list[str]:
    """Say what else there is to know of a list."""
    lines = []
    if answer.reason == "exhausted":
        lines.append("no other item may be recommended")
    if answer.strength and answer.source == "interests":
        proof = ", the best list of the whole catalog" if answer.certified else ""
        gone = f", {len(answer.displaced)} pushed out" if answer.displaced else ""
        lines.append(f"diversity λ {answer.strength:.4g}{proof}{gone}")
    return lines


def clipped(text: str, width: int) -> str:
    """Cut text to a width, showing that it was."""
    return text if len(text) <= width else text[: width - 1] + "…"


def answer_json(answer: Answer) -> dict[str, Any]:
    """Return an answer as JSON holds it."""
    return asdict(answer)


def filter_lines(unknown: Sequence[str]) -> list[str]:
    """Return a line that names the ids of a filter that the catalog does not hold, if any."""
    names = ", ".join(unknown)
    return [f"not in the catalog, so neither blocked nor allowed: {names}"] if unknown else []
