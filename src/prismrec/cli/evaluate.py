"""``prismrec evaluate``: compare an artifact with every baseline, and write a report."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from prismrec.cli._extensions import ClassFlags
from prismrec.cli._gate import DataOptions, decide
from prismrec.cli._headings import AsJson
from prismrec.cli._one_interest import find_with_one_interest
from prismrec.cli._options import RERANK
from prismrec.cli._output import print_note, print_output, wrapped
from prismrec.cli._progress import Progress
from prismrec.cli._results import results_table
from prismrec.cli._split_data import read_split_data
from prismrec.data import Case, Catalog, Split
from prismrec.errors import ConfigError, DataError
from prismrec.evaluation import (
    Benchmark,
    Entry,
    check_report_folder,
    compare_each_pair,
    compare_with_single_interest,
    describe_recommender,
    differences,
    entries_as_json,
    list_lengths,
    lists_of,
    measure_baselines,
    report_content,
    write_report,
)
from prismrec.io import named_path
from prismrec.recommend import Recommender, artifact_name, check_same_split
from prismrec.rerank import check_length, check_strength, find_reranker


def evaluate(
    artifact: Path,
    /,
    *more: Path,
    chosen: Annotated[DataOptions, Parameter(name="*")] = DataOptions(),  # noqa: B008 -- frozen
    k: Annotated[list[int] | None, Parameter(name=["-k", "--k"], negative="")] = None,
    diversity: Annotated[list[float] | None, Parameter(negative="")] = None,
    rerank: Annotated[str, Parameter(help=RERANK)] = "category",
    report: Path | None = None,
    classes: Annotated[ClassFlags, Parameter(name="*")] = ClassFlags(),  # noqa: B008
    as_json: AsJson = False,
) -> None:
    """Compare an artifact with every baseline, and with the same model with K=1.

    The code that serves makes every list, over the whole catalog, for every test user: once with
    the items of the history in the list, and once without them.

    Several artifacts are also compared with each other, corrected for the number of pairs.

    With NEW OLD --data DATA --gate: may NEW replace OLD, which may be of an earlier data set? The
    exit code is 0 if NEW is not worse by more than the interval, and 3 if it is refused.

    Args:
        artifact: Folder made by 'prismrec train'. Its model with one interest is measured too.
        more: The data set folder, if there is no --data, and then further artifacts to compare.
        chosen: The data, and what is asked.
        k: Length of the list; may be repeated. Default: 20 and 50, at most a tenth of the items.
        diversity: Measure the artifacts also with this diversity strength λ; may be repeated.
        rerank: Re-ranker of the lists with a diversity strength.
        report: Folder for a report with plots: new, empty or of an earlier report.
        classes: Classes of the artifacts that are not built in.
        as_json: Print one JSON object.
    """
    strengths = checked_options(chosen, k, diversity, rerank, report)
    artifacts, data = separate_data([*map(named_path, [artifact, *more])], chosen.data)
    if chosen.gate:
        pair = check_gate(artifacts, diversity, report)
        decide(*pair, data, chosen, k=k, classes=classes, as_json=as_json)
        return
    with Progress(artifact.name, quiet=as_json):
        dataset, split = read_split_data(data, quiet=as_json)
        cases = cases_of(split, chosen.on, data)
        ks = tuple(sorted(set(k))) if k else list_lengths(dataset.catalog.size - 1, 20, 50)
        benchmark = Benchmark(split=split, cases=cases, catalog=dataset.catalog, ks=ks)
        folders, several, other_models = folders_to_measure(artifacts, data)
        recommenders, hashes = open_all(folders, data, dataset.catalog, classes)
        print_note("Fitting the baselines …", quiet=as_json)
        (lists, entries, compared), models = measure_baselines(benchmark), list[Entry]()
        for name, recommender in recommenders.items():
            print_note(f"Measuring {name} …", quiet=as_json)
            lists[name] = lists_of(recommender)
            found = entries_of(name, recommender, benchmark, strengths, rerank, hashes[name])
            models += [replace(each, one_interest_of=several.get(each.name)) for each in found]
        entries += models
        compared = [*comparisons(entries, benchmark, artifacts), *other_models, *compared]
        if report:
            content = report_content(benchmark, entries, lists, recommenders, compared, data.name)
            write_report(content, report)
            compared = [*content.differences]
    print_results(entries, ks, models[0], compared, report, as_json=as_json)


def print_results(
    entries: Sequence[Entry], ks: Sequence[int], model: Entry, compared: Sequence[str],
    report: Path | None, *, as_json: bool,
) -> None:  # fmt: skip
    """Print the table and the comparisons, the protocol, and where the report is."""
    lines = [*results_table(entries, ks), "", *map(wrapped, compared), ""]
    card = [wrapped(line, indent=" " * 10) for line in model.filtered.card().splitlines()]
    place = [f"Report: {report / 'report.html'}"] if report else []
    value = {"entries": entries_as_json(entries), "differences": compared}
    print_output(value, [*lines, *card, *place], as_json=as_json)


def cases_of(split: Split, on: str, data: Path) -> Sequence[Case]:
    """Return the users to measure: "test" or "valid".

    Raises:
        DataError: The split has none.
    """
    cases = split.test if on == "test" else split.valid
    if not cases:
        users = "test" if on == "test" else "validation"
        raise DataError(
            f"evaluate was to measure the {users} users of {data}, but its split has none; choose "
            "the others with --on, or prepare a data set with more users."
        )
    return cases


def check_gate(
    artifacts: Sequence[Path], diversity: Sequence[float] | None, report: Path | None
) -> tuple[Path, Path]:
    """Return the two artifacts of --gate.

    Raises:
        ConfigError: They are not two, or another option was given that --gate does not use.
    """
    if diversity or report or len(artifacts) != 2:
        given = "--diversity" if diversity else "--report" if report else None
        fault = f"{given} was given" if given else f"the number of artifacts is {len(artifacts)}"
        raise ConfigError(
            "--gate compares two artifacts without --diversity and --report, but "
            f"{fault}; write 'prismrec evaluate NEW OLD --data DATA --gate'."
        )
    new, old = artifacts
    return new, old


def separate_data(folders: Sequence[Path], data: Path | None) -> tuple[Sequence[Path], Path]:
    """Return the artifacts and the data set folder, which is the second folder without ``--data``.

    Raises:
        ConfigError: There is no data set folder.
    """
    if data is not None:
        return folders, named_path(data)
    if len(folders) < 2:
        raise ConfigError(
            f"evaluate was given {folders[0]} and no data set folder; write the folder after it, "
            "or --data FOLDER."
        )
    return [folders[0], *folders[2:]], folders[1]


def compare_artifacts(entries: Sequence[Entry], artifacts: Sequence[Path], k: int) -> list[str]:
    """Return one sentence per pair of the given artifacts; none for a single one."""
    names = {folder.name for folder in artifacts}
    reports = {entry.name: entry.filtered for entry in entries if entry.name in names}
    return compare_each_pair(reports, f"recall@{k}")


def comparisons(
    entries: Sequence[Entry], benchmark: Benchmark, artifacts: Sequence[Path]
) -> list[str]:
    """Return the sentences that compare the entries, and a warning if the lists are too long."""
    k, items = benchmark.ks[-1], benchmark.catalog.size - 1
    sentences = [
        *differences(entries, f"recall@{k}"),
        *map(str, compare_with_single_interest(entries, f"recall@{k}")),
        *compare_artifacts(entries, artifacts, k),
    ]
    if 2 * k > items:
        usual = " ".join(f"-k {length}" for length in list_lengths(items, 20, 50))
        sentences.append(
            f"Lists of {k} of {items} items have most of the targets with any model; measure "
            f"shorter ones with {usual}."
        )
    return sentences


def checked_options(
    chosen: DataOptions,
    k: Sequence[int] | None,
    diversity: Sequence[float] | None,
    rerank: str,
    report: Path | None,
) -> list[float]:
    """Check the options, before the baselines are fitted; return each strength once.

    Raises:
        ConfigError: A value is out of its range, or an option was given without the one it needs.
        UnknownName: There is no such re-ranker.
        DataError: No report can be written to the folder.
    """
    only_gate = {"--lost-share": chosen.lost_share, "--allow-lost": chosen.allow_lost or None}
    for flag, value in only_gate.items():
        if value is not None and not chosen.gate:
            raise ConfigError(f"{flag} is for --gate, which was not given; add --gate.")
    for length in k or ():
        check_length(length)
    strengths = list(dict.fromkeys(diversity or ()))
    for strength in strengths:
        check_strength(strength)
    find_reranker(rerank)
    if rerank != "category" and not any(strengths):
        raise ConfigError(
            f"--rerank is {rerank}, but without a diversity strength no re-ranker changes a list; "
            "add for example --diversity 0.2."
        )
    if report:
        check_report_folder(report)
    return strengths


def entries_of(
    name: str, recommender: Recommender, benchmark: Benchmark, strengths: Sequence[float],
    rerank: str, artifact: str,
) -> Iterator[Entry]:  # fmt: skip
    """Yield the results of an artifact: alone, with each diversity strength, and without rules."""
    variants = [(name, recommender, 0.0)]
    how = name if rerank == "category" else f"{name} {rerank}"
    variants += [(f"{how} λ={each:g}", recommender, each) for each in strengths if each]
    if recommender.rules:
        variants.append((f"{name} without rules", recommender.with_rules(None), 0.0))
    for title, one, strength in variants:
        lists = lists_of(one, diversity=strength, rerank=rerank)
        entry = benchmark.entry(title, describe_recommender(one), lists)
        yield replace(entry, artifact=artifact)


def folders_to_measure(
    artifacts: Sequence[Path], data: Path
) -> tuple[Sequence[Path], dict[str, str], list[str]]:
    """Return the artifacts, each with the same model with K=1 after it if there is one.

    Returns:
        The folders; by the name of each model with K=1, that of the same model with several
        interests; and the sentences of ``check_same_split`` and ``find_with_one_interest``.

    Raises:
        DataError: An artifact was trained on another data set or split, or two have the same name.
    """
    unchecked = [check_same_split(folder, data) for folder in artifacts]
    singles, other_models = find_with_one_interest(artifacts, data)
    folders: list[Path] = []
    for folder in artifacts:
        single = singles.get(folder, folder)
        folders += [folder] if single in artifacts else [folder, single]
    for number, folder in enumerate(folders):
        if folder.name in {other.name for other in folders[:number]}:
            raise DataError(
                f"Two artifacts have the name {folder.name}, which the tables could not "
                "distinguish; rename one of the folders."
            )
    several = {single.name: each.name for each, single in singles.items()}
    return folders, several, [*filter(None, unchecked), *other_models]


def open_all(
    folders: Sequence[Path], data: Path, catalog: Catalog, classes: ClassFlags
) -> tuple[dict[str, Recommender], dict[str, str]]:
    """Return artifacts by the name of the folder, and the short hashes of their manifests.

    Items that were added to an artifact after training are hidden: the data set has none of them.

    Raises:
        DataError: An artifact cannot be opened, or numbers other items than the data set.
    """
    hashes = {folder.name: artifact_name(folder) for folder in folders}
    recommenders = {folder.name: classes.load(folder) for folder in folders}
    for name, recommender in recommenders.items():
        if not recommender.catalog.begins_with(catalog):
            raise DataError(
                f"{name} numbers other items than {data}; give the data set that it was trained "
                "on, or compare two artifacts with --gate."
            )
    return {n: without_added(one, catalog.size) for n, one in recommenders.items()}, hashes


def without_added(recommender: Recommender, size: int) -> Recommender:
    """Return a recommender that recommends only the first ``size`` - 1 items."""
    items = recommender.catalog.items
    return recommender.with_hidden(items.ids[size - 1 :].to_list())
