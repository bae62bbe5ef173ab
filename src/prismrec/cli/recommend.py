"""``prismrec recommend``: a list for one history and why, or lists for a file of histories."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from prismrec.cli._answers import answer_json, answer_lines, filter_lines
from prismrec.cli._options import ListFlags, ids_of
from prismrec.cli._output import print_output
from prismrec.cli._progress import bar_of_users
from prismrec.data import load_dataset
from prismrec.errors import ConfigError
from prismrec.recommend import load, read_artifact_manifest, recommend_file, unknown_ids


@dataclass(frozen=True, kw_only=True)
class InputOptions:
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


def recommend(
    artifact: Path,
    /,
    *,
    asked: Annotated[InputOptions, Parameter(name="*")] = InputOptions(),
    wanted: Annotated[ListFlags, Parameter(name="*")] = ListFlags(),  # noqa: B008 -- frozen
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
        print_output(value, lines, as_json=as_json)
        return
    names = read_history(asked.history, asked.user, asked.data)
    recommender = load(artifact)
    answer = recommender.recommend_many([names], wanted.options)[0]
    print_output(answer_json(answer), answer_lines(answer), as_json=as_json)


def recommend_to_file(
    artifact: Path, histories: Path, asked: InputOptions, wanted: ListFlags
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
    options = wanted.options
    plan = json.dumps(read_artifact_manifest(artifact)["sha256"])
    with bar_of_users("recommend") as on_users:
        done = recommend_file(
            recommender, histories, asked.out, options, plan=plan, on_users=on_users
        )
    told = f"{asked.out}: {done.rows:,} items for {done.users:,} users"
    lines = [told + (f", {done.resumed:,} of them from a former run" if done.resumed else "")]
    if done.popular:
        lines.append(f"{done.popular:,} users without a known item got what is popular")
    if done.unknown:
        lines.append(f"{done.unknown:,} items of histories are not in the catalog, left out")
    unknown = unknown_ids(options.filter, recommender.catalog)
    return asdict(done) | {"unknown_filter": unknown}, [*lines, *filter_lines(unknown)]


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
