"""``prismrec recommend``: a list for one history, or lists for a file of histories."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from prismrec.cli._answers import answer_lines, unknown_filter_lines
from prismrec.cli._extensions import ClassFlags
from prismrec.cli._headings import INPUT, AsJson
from prismrec.cli._options import ListFlags, split_ids
from prismrec.cli._output import check_out, print_note, print_output, wrapped
from prismrec.cli._progress import Progress
from prismrec.cli._spark import Engine, open_session
from prismrec.data import Catalog, load_dataset, read_catalog
from prismrec.errors import ConfigError, MissingExtra
from prismrec.recommend import (
    BulkSummary,
    Recommender,
    Shard,
    artifact_name,
    recommend_file,
    recommend_on_spark,
    unknown_ids,
)
from prismrec.rerank import ListOptions


@dataclass(frozen=True, kw_only=True)
class InputOptions:
    """The histories to recommend for: one of history, user and histories."""

    history: str | None = None
    """Item ids, oldest first: A,B,C. If an id contains a comma, use --user instead."""
    user: str | None = None
    """A user of the data set; needs --data."""
    data: Path | None = None
    """Data set folder with the user."""
    histories: Path | None = None
    """Parquet file, or a folder or glob of them, with the columns user and history (a list of item
    ids); or a data set folder, for all of its users. Needs --out."""
    out: Path | None = None
    """Parquet file to write, one row per item: user, rank, item, score, interest, source. An
    earlier file of lists is replaced; a file with other content is an error."""
    changes: Path | None = None
    """File of changes of a service (serve --changes): items that it hides are left out; its new
    items and its values of attributes are used. The file is only read."""
    shard: str | None = None
    """Part of the histories, as 2/8 on the second of eight machines. Its file is
    OUT-2-of-8.parquet."""
    engine: Engine = "local"
    """What makes the lists of --histories: this process, or Spark on one machine or many; Spark
    writes a folder of Parquet files to --out."""


def recommend(
    artifact: Path,
    /,
    *,
    source: Annotated[InputOptions, Parameter(name="*", group=INPUT)] = InputOptions(),
    flags: Annotated[ListFlags, Parameter(name="*")] = ListFlags(),  # noqa: B008 -- frozen
    classes: Annotated[ClassFlags, Parameter(name="*")] = ClassFlags(),  # noqa: B008
    as_json: AsJson = False,
) -> None:
    """Recommend items for one history, or for every history of a file.

    Args:
        artifact: Folder made by 'prismrec train'.
        source: The histories to recommend for.
        flags: What the lists look like.
        classes: Classes of the artifact that are not built in.
        as_json: Print one JSON object.
    """
    if source.histories is not None:
        value, lines = recommend_to_file(artifact, source.histories, source, flags, classes)
        print_output(value, lines, as_json=as_json)
        return
    spark = None if source.engine == "local" else source.engine
    needing = {"--out FILE": source.out, "--shard I/N": source.shard, "--engine spark": spark}
    for flag, given in needing.items():
        if given is not None:
            raise ConfigError(
                f"{flag} needs --histories FILE; give both, or leave out {flag.split()[0]}."
            )
    names = read_history(source.history, source.user, source.data)
    options = flags.options
    recommender, _ = with_changes(classes.load(artifact), source.changes)
    answer = recommender.recommend_many([names], options)[0]
    print_output(asdict(answer), answer_lines(answer), as_json=as_json)


def recommend_to_file(
    artifact: Path,
    histories: Path,
    source: InputOptions,
    flags: ListFlags,
    classes: ClassFlags,
) -> tuple[dict[str, Any], list[str]]:
    """Recommend for every history of a file; return a summary for programs and its lines.

    Raises:
        ConfigError: There is no file to write to, or an option for one history was given.
    """
    if source.out is None or source.history is not None or source.user is not None:
        raise ConfigError(
            "--histories FILE needs --out FILE, and neither --history nor --user; give these two."
        )
    check_out(source.out)
    options = flags.options
    run = _run_on_spark if source.engine == "spark" else _run_here
    summary, catalog = run(artifact, histories, source.out, source, options, classes)
    unknown = unknown_ids(options.filter, catalog, options.dislikes)
    value = asdict(summary) | {"out": str(summary.out), "unknown_filter": unknown}
    return value, [*_summary_lines(summary), *unknown_filter_lines(unknown, options)]


def _summary_lines(summary: BulkSummary) -> Iterator[str]:
    """Yield the sentences about a run: its counts, and what is unusual in the histories."""
    line = f"{summary.out}: {summary.rows:,} items for {summary.histories:,} histories"
    yield line + (f", {summary.resumed:,} from a run before" if summary.resumed else "")
    if summary.without_items:
        have = "history has" if summary.without_items == 1 else "histories have"
        yield f"{summary.without_items:,} {have} no list: every item is in the history or excluded"
    if summary.empty:
        yield f"{summary.empty:,} histories are empty: popular items"
    if summary.popular > summary.empty:
        number = summary.popular - summary.empty
        yield f"{number:,} histories have no item in the catalog: popular items"
    if summary.unknown:
        yield f"{summary.unknown:,} items of histories are not in the catalog: left out"
    if summary.without_user:
        rows = f"{summary.without_user:,} row{'s' * (summary.without_user != 1)} without a user"
        yield f"{rows}: left out; the first of the histories is {summary.first_without_user}"
    if summary.repeated:
        repeat = "row repeats" if summary.repeated == 1 else "rows repeat"
        yield (
            f"{summary.repeated:,} {repeat} a user of an earlier row: such a user has several lists"
        )


def with_changes(recommender: Recommender, path: Path | None) -> tuple[Recommender, str]:
    """Return a recommender with the changes of a service, if any, and a digest of the changes.

    Raises:
        DataError, StoreError: The file of changes cannot be read.
        MissingExtra: The packages of the service are not installed.
    """
    if path is None:
        return recommender, ""
    try:
        from prismrec.service import SavedChanges
    except ImportError as error:
        raise MissingExtra.for_("prismrec recommend --changes", "serve") from error
    saved = SavedChanges.read(path)
    changed = saved.apply(recommender)
    counts = f"{len(saved.changes):,} changes, {len(changed.hidden):,} items are hidden"
    print_note(wrapped(f"{path}: {counts}"))
    return changed, saved.digest


def _run_here(
    artifact: Path, histories: Path, out: Path, source: InputOptions, options: ListOptions,
    classes: ClassFlags,
) -> tuple[BulkSummary, Catalog]:  # fmt: skip
    """Make the lists in this process; also return the catalog."""
    part = Shard() if source.shard is None else Shard.parse(source.shard)
    recommender, digest = with_changes(classes.load(artifact), source.changes)
    # The hashes of the files are not enough: a model and its variant with K=1 have the same files.
    plan = f"{artifact_name(artifact)} {classes} {digest}"
    try:
        with Progress(out.name):
            summary = recommend_file(recommender, histories, out, options, plan=plan, shard=part)
    except KeyboardInterrupt as error:
        kept = error.args[0] if error.args else 0
        lists = f"the lists of {kept:,} histories are kept" if kept else "no list is finished"
        print_note(f"Interrupted; {lists}. Continue with the same command.")
        raise
    return summary, recommender.catalog


def _run_on_spark(
    artifact: Path, histories: Path, out: Path, source: InputOptions, options: ListOptions,
    classes: ClassFlags,
) -> tuple[BulkSummary, Catalog]:  # fmt: skip
    """Make the lists with Spark; also return the catalog.

    Raises:
        ConfigError: A shard or a file of changes was given.
    """
    if source.changes is not None:
        raise ConfigError(
            f"--changes is {source.changes}, but Spark makes the lists of the artifact as it is; "
            "leave out --changes, or use --engine local."
        )
    if source.shard is not None:
        raise ConfigError(
            f"--shard is {source.shard}, but Spark divides the users itself; leave out --shard, or "
            "use --engine local."
        )
    with open_session() as session, Progress(out.name):
        summary = recommend_on_spark(
            session, artifact, histories, out, options, classes=classes.named
        )
    return summary, read_catalog(artifact)


def read_history(history: str | None, user: str | None, data: Path | None) -> list[str]:
    """Return the history to recommend for, as item ids.

    Raises:
        ConfigError: Neither or both of history and user were given, or a user without a data set.
    """
    if (history is None) == (user is None):
        raise ConfigError(
            "recommend needs one of --history A,B,C, --user NAME and --histories FILE; give one."
        )
    if user is None:
        return list(split_ids(history or ""))
    if data is None:
        raise ConfigError(f"--user {user} is a user of a data set; give its folder with --data.")
    dataset = load_dataset(data)
    number = int(dataset.users.index([user])[0])
    return dataset.catalog.items.external(dataset.histories[number].tolist())
