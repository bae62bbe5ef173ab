"""``prismrec evaluate``: an artifact beside every baseline, and as a report."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from prismrec.cli._output import print_note, print_output
from prismrec.cli._results import results_table
from prismrec.data import Catalog, load_dataset, load_split
from prismrec.errors import DataError
from prismrec.evaluation import (
    Benchmark,
    Entry,
    compare_with_single_interest,
    describe_recommender,
    differences,
    entries_as_json,
    listing_of,
    measure_baselines,
    report_content,
    write_report,
)
from prismrec.recommend import Recommender, check_trained_on, load
from prismrec.types import check_length, check_strength


def evaluate(
    artifact: Path,
    data: Path,
    /,
    *more: Path,
    k: Annotated[list[int] | None, Parameter(name="-k", negative="")] = None,
    diversity: Annotated[list[float] | None, Parameter(negative="")] = None,
    on: Literal["test", "valid"] = "test",
    report: Path | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Measure an artifact on a data set, beside every baseline and its single-interest twin.

    Every list is made by the code that serves, over the whole catalog, for every user of the
    part asked for, once with the items of the history kept in the list and once without them.

    Args:
        artifact: Folder made by 'prismrec train'; ARTIFACT-k1 is shown too where it is.
        data: The data set folder that it was trained on.
        more: Further artifacts to show beside it.
        k: Length of the list; may be repeated. 20 and 50 if not given.
        diversity: Also show the artifact at this diversity; may be repeated.
        on: Test users, or those of validation.
        report: Folder for a report with plots: Markdown, HTML, JSON.
        as_json: Print one JSON object.
    """
    ks = tuple(sorted(k or [20, 50]))
    check_length(ks[0])  # before anything is fitted
    for strength in diversity or ():
        check_strength(strength)
    dataset = load_dataset(data)
    split = load_split(data, dataset)
    cases = split.test if on == "test" else split.valid
    measuring = Benchmark(split=split, cases=cases, catalog=dataset.catalog, ks=ks)
    recommenders = open_all([artifact, *more], data, dataset.catalog)
    print_note("Fitting the baselines …", quiet=as_json)
    listings, others, left_out = measure_baselines(measuring)
    models: list[Entry] = []
    for name, recommender in recommenders.items():
        print_note(f"Measuring {name} …", quiet=as_json)
        listings[name] = listing_of(recommender)
        models += [
            measuring.entry(title, describe_recommender(one), listing_of(one, diversity=strength))
            for title, one, strength in versions_of(name, recommender, diversity or ())
        ]
    entries = [*others, *models]
    compared = [
        *differences(entries, f"recall@{ks[-1]}"),
        *compare_with_single_interest(models, ks[-1]),
        *left_out,
    ]
    if report:
        content = report_content(measuring, entries, listings, recommenders, compared, data.name)
        write_report(content, report)
    lines = [*results_table(entries, measuring.ks), "", *compared, ""]
    lines += models[0].filtered.card().splitlines()
    lines += [f"report: {report / 'report.html'}"] if report else []
    value = {"entries": entries_as_json(entries), "differences": compared}
    print_output(value, lines, as_json=as_json)


def versions_of(
    name: str, recommender: Recommender, strengths: Sequence[float]
) -> Iterator[tuple[str, Recommender, float]]:
    """Name the ways in which a recommender is shown: title, recommender, diversity."""
    yield name, recommender, 0.0
    for strength in strengths:
        if strength:
            yield f"{name} λ={strength:g}", recommender, strength
    if recommender.rules:
        yield f"{name} without rules", recommender.with_rules(None), 0.0


def open_all(artifacts: Sequence[Path], data: Path, catalog: Catalog) -> dict[str, Recommender]:
    """Open artifacts and their single-interest twins, checked to be of this data set."""
    places = []
    for place in artifacts:
        twin = place.with_name(place.name + "-k1")
        places += [place, *([twin] if twin.is_dir() and twin not in artifacts else [])]
    for place in places:
        check_trained_on(place, data)
    opened = {place.name: load(place) for place in places}
    for name, recommender in opened.items():
        if not recommender.catalog.begins_with(catalog):
            raise DataError(
                f"{name} numbers other items than {data}; give the data set that it was trained on."
            )
    return opened
