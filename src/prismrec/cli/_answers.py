"""Text of an answer: the interests, then the list, then notes about the list."""

from collections.abc import Mapping, Sequence

from prismrec.cli._output import one_line
from prismrec.recommend import Answer, Item
from prismrec.rerank import ListOptions

WIDTH = 80
"""Longest line of an answer."""
RULES = 0.5
"""Above this share of the rules in an item's probability, its reason is the rule."""
POPULAR = (
    "None of these items is in the catalog (items with fewer than 5 events are",
    "dropped by default). Showing popular items.",
)


def answer_lines(answer: Answer) -> list[str]:
    """Return the lines of an answer, each at most ``WIDTH`` characters long."""
    lines = unknown_filter_lines(answer.unknown_filter, answer.options)
    lines += _unknown_interest_lines(answer)
    if answer.source == "popular":
        lines += POPULAR
    elif answer.unknown:
        lines.append(f"Not in the catalog and left out: {', '.join(answer.unknown)}")
    for interest in answer.interests:
        titles = ", ".join([*dict.fromkeys(reason.title for reason in interest.items)][:3])
        name = f" ({interest.name})" if interest.name else ""
        part = f"{round(interest.share * len(answer))} of {len(answer)} items"
        source = f"; from {titles}" if titles else ""
        lines.append(clipped(f"interest {interest.number}{name}: {part}{source}", WIDTH))
    lines.append("")
    added = {interest.number: interest.name for interest in answer.interests if interest.added}
    for rank, item in enumerate(answer, start=1):
        moved = f" from {item.rank_by_score}" if item.rank_by_score != rank else ""
        why = f"{moved}  {item.score:7.3f}" + (
            f"  interest {item.interest}" if answer.interests else ""
        )
        if item.boost:
            why += f"  boost {item.boost:+.2f}"
        room = WIDTH - 5 - len(why)
        text, reason = item.title, _reason(item, added)
        if item.near_dislike is not None:
            reason = f"near disliked {item.near_dislike.title}"
        if reason and len(text) + 10 < room:
            text = f"{text}  {reason}"
        lines.append(f"{rank:3}  {clipped(text, room):<{room}}{why}".rstrip())
    return [one_line(line) for line in lines + _notes(answer)]


def _unknown_interest_lines(answer: Answer) -> list[str]:
    """Return a line with the numbers of options that are no interest, if there are any."""
    missing = ", ".join(map(str, answer.unknown_interests))
    if not missing:
        return []
    verb = "Interest {} does" if len(answer.unknown_interests) == 1 else "Interests {} do"
    known = ", ".join(str(one.number) for one in answer.interests) or "none"
    return [f"{verb.format(missing)} not exist; this history has {known}."]


def _reason(item: Item, added: Mapping[int, str]) -> str:
    """Return the strongest reason of an item; empty if it has none.

    Args:
        item: An item of the answer.
        added: Names of the interests that the caller added, by number.
    """
    if item.interest in added:
        return f"because you added {added[item.interest]}"
    if item.from_rules > RULES and item.goes_with:
        return f"goes with {item.goes_with[0].title}"
    return f"because of {item.because[0].title}" if item.because else ""


def _notes(answer: Answer) -> list[str]:
    """Return the notes about the list as a whole."""
    lines = []
    if any(item.rank_by_score != rank for rank, item in enumerate(answer, start=1)):
        lines.append("from N: the item has rank N by score alone.")
    lowered = [item.near_dislike for item in answer if item.near_dislike is not None]
    if lowered:
        lines.append(
            f"disliked: {len(lowered)} items near a disliked one lost {lowered[0].penalty:g} of "
            "their score."
        )
    if answer.reason == "exhausted":
        lines.append("No other item may be recommended.")
    if answer.reason == "muted":
        lines.append("All other items belong to muted interests.")
    if answer.strength and answer.source == "interests":
        proof = "; no list of the catalog is better at this λ" if answer.certified else ""
        replaced = f"; {len(answer.displaced)} items replaced" if answer.displaced else ""
        lines.append(f"Diversity λ = {answer.strength:.4g}{proof}{replaced}.")
    return lines


def clipped(text: str, width: int) -> str:
    """Return the text on one line, cut to ``width`` characters with a final … if it is longer."""
    text = one_line(text)
    return text if len(text) <= width else text[: width - 1] + "…"


def unknown_filter_lines(unknown: Sequence[str], options: ListOptions) -> list[str]:
    """Return a line with the ids of a filter that are not in the catalog, if there are any."""
    names = one_line(", ".join(unknown))
    effect = "without effect" if options.dislikes else "neither blocked nor allowed"
    return [f"Not in the catalog, so {effect}: {names}"] if unknown else []
