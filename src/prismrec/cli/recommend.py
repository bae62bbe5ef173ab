"""``prismrec recommend``: a list for one history and why, or lists for a file of histories."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from prismrec.cli._answers import answer_lines
from prismrec.cli._output import show
from prismrec.cli._progress import bar_of_users
from prismrec.data import load_dataset
from prismrec.errors import ConfigError
from prismrec.recommend import Filter, Wish, load, read_artifact_manifest, recommend_file
from prismrec.rerank import Dial


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Whose lists are wanted: one of history, user and histories."""

    history: str | None = None
    """Item ids, oldest first: A,B,C. An id with a comma in it: give it with --user."""
    user: str | None = None
    """A user of the data set, instead of a history; needs --data."""
    data: Path | None = None
    """The data set folder that holds the user."""
    histories: Path | None = None
    """Parquet file of columns user and history, a list of item ids; needs --out."""
    out: Path | None = None
    """Parquet file to write, a row an item: user, rank, item, score, interest, source."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the lists are to be like."""

    k: Annotated[int, Parameter(name="-k")] = 20
    """Length of the list."""
    diversity: float | None = None
    """0 ranks by score alone; .05 to .5 makes categories differ more and more."""
    diversity_target: float | None = None
    """Instead: least share of the list's pairs that differ in category, 0 to 1."""
    relevance_lost: float | None = None
    """Instead: largest share of the list's relevance to give up, 0 to 1."""
    rerank: str = "category"
    """How lists are made diverse: category, overlap, mmr, dpp, calibrated, xquad."""
    keep_seen: Annotated[bool, Parameter(negative="")] = False
    """Keep items of the history in the list."""
    block: str | None = None
    """Ids never to recommend: A,B,C."""
    allow: str | None = None
    """The only ids to recommend: A,B,C."""
    category: Annotated[tuple[str, ...], Parameter(negative="")] = ()
    """Recommend items of this category only; may be repeated."""

    @property
    def dial(self) -> Dial:
        """The diversity dial.

        Raises:
            ConfigError: Two of its units were given.
        """
        units = (self.diversity, self.diversity_target, self.relevance_lost)
        if sum(unit is not None for unit in units) > 1:
            raise ConfigError(
                "--diversity, --diversity-target and --relevance-lost are units of one dial, and "
                "more than one was given; give one of them."
            )
        return Dial(
            strength=self.diversity,
            diversity_target=self.diversity_target,
            relevance_lost=self.relevance_lost,
            rerank=self.rerank,
        )

    @property
    def only(self) -> Filter:
        """The bounds."""
        return Filter(
            blocked=ids_of(self.block or ""),
            allowed=None if self.allow is None else ids_of(self.allow),
            categories=self.category or None,
        )


def recommend(
    artifact: Path,
    /,
    *,
    asked: Annotated[Asked, Parameter(name="*")] = Asked(),
    wanted: Annotated[Wanted, Parameter(name="*")] = Wanted(),
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Recommend to one history from a trained artifact, or to a file of them.

    Args:
        artifact: Folder made by 'prismrec train'.
        asked: Whose lists.
        wanted: What lists.
        as_json: Print one JSON object.
    """
    if asked.histories is not None:
        value, lines = recommend_to_file(artifact, asked.histories, asked, wanted)
        show(value, lines, as_json=as_json)
        return
    names = read_history(asked.history, asked.user, asked.data)
    recommender = load(artifact)
    answer = recommender.recommend(
        names,
        wanted.k,
        diversity=wanted.dial,
        filter_seen=not wanted.keep_seen,
        only=wanted.only,
    )
    interests = recommender.interests(names)
    unknown = wanted.only.unknown(recommender.catalog)
    value = {**asdict(answer), "interests": [asdict(interest) for interest in interests]}
    value["unknown_filter"] = unknown
    lines = answer_lines(answer, interests)
    show(value, [*said_of_filter(unknown), *lines], as_json=as_json)


def recommend_to_file(
    artifact: Path, histories: Path, asked: Asked, wanted: Wanted
) -> tuple[dict[str, Any], list[str]]:
    """Recommend to every history of a file; give what was done, for programs and for people.

    Raises:
        ConfigError: No file to write to, or what is for one history only.
    """
    if asked.out is None or asked.history is not None or asked.user is not None:
        raise ConfigError(
            "--histories FILE needs --out FILE, and neither --history nor --user; give these two."
        )
    recommender = load(artifact)
    wish = Wish(k=wanted.k, dial=wanted.dial, filter_seen=not wanted.keep_seen, only=wanted.only)
    plan = json.dumps(read_artifact_manifest(artifact)["sha256"])
    with bar_of_users("recommend") as on_users:
        done = recommend_file(recommender, histories, asked.out, wish, plan=plan, on_users=on_users)
    told = f"{asked.out}: {done.rows:,} items for {done.users:,} users"
    lines = [told + (f", {done.resumed:,} of them from a former run" if done.resumed else "")]
    if done.popular:
        lines.append(f"{done.popular:,} users without a known item got what is popular")
    if done.unknown:
        lines.append(f"{done.unknown:,} items of histories are not in the catalog, left out")
    unknown = wanted.only.unknown(recommender.catalog)
    return asdict(done) | {"unknown_filter": unknown}, [*lines, *said_of_filter(unknown)]


def said_of_filter(unknown: Sequence[str]) -> list[str]:
    """Name the ids of a filter that the catalog does not hold, if there are any."""
    named = f"not in the catalog, neither blocked nor allowed: {', '.join(unknown)}"
    return [named] if unknown else []


def ids_of(text: str) -> tuple[str, ...]:
    """Read ``A,B,C``."""
    return tuple(name for name in text.split(",") if name)


def read_history(history: str | None, user: str | None, data: Path | None) -> list[str]:
    """Give the history asked for, as external ids.

    Raises:
        ConfigError: Neither or both of history and user, or a user without a data set.
    """
    if (history is None) == (user is None):
        raise ConfigError(
            "recommend needs one of --history A,B,C, --user NAME and --histories FILE; give one."
        )
    if user is None:
        return list(ids_of(history or ""))
    if data is None:
        raise ConfigError(f"--user {user} names a user of a data set; give its folder as --data.")
    dataset = load_dataset(data)
    number = int(dataset.users.index([user])[0])
    return dataset.catalog.items.external(dataset.histories[number].tolist())
