"""An answer as lines of text: the interests, then the list."""

from prismrec.recommend import Answer, Interest


def answer_lines(answer: Answer, interests: list[Interest], width: int = 80) -> list[str]:
    """Lay an answer out for a person: the interests, then the list."""
    lines = []
    if answer.unknown:
        lines.append(f"not in the catalog, left out: {', '.join(answer.unknown)}")
    if answer.source == "popular":
        lines.append("no known item in the history: what is popular, of different categories")
    for interest in interests:
        made = ", ".join(reason.title for reason in interest.items[:3])
        name = f" ({interest.name})" if interest.name else ""
        lines.append(clipped(f"interest {interest.number}{name}: {made}", width))
    lines.append("")
    for rank, item in enumerate(answer, start=1):
        moved = f" from {item.rank_by_score}" if item.rank_by_score != rank else ""
        why = f"{moved}  {item.score:7.3f}" + (f"  interest {item.interest}" if interests else "")
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
        proof = ", the best list of the whole catalog" if answer.optimal else ""
        gone = f", {len(answer.displaced)} pushed out" if answer.displaced else ""
        lines.append(f"diversity λ {answer.strength:.4g}{proof}{gone}")
    return lines


def clipped(text: str, width: int) -> str:
    """Cut text to a width, showing that it was."""
    return text if len(text) <= width else text[: width - 1] + "…"
