"""``prismrec evaluate``: an artifact beside every baseline, and as a report."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from prismrec.artifact import check_trained_on, load
from prismrec.cli import measure
from prismrec.cli.measure import Listing, Measuring, baselines, listing_of
from prismrec.cli.show import note, show
from prismrec.cli.surroundings import surroundings
from prismrec.data.catalog import Catalog
from prismrec.data.split import Split
from prismrec.data.storage import load_dataset, load_split
from prismrec.diagnostics import Diagnostics, diagnose, tradeoff
from prismrec.errors import DataError
from prismrec.recommender import Recommender
from prismrec.report import Content, Entry, differences, write_report
from prismrec.rerank.base import check_length, check_strength

STRENGTHS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.5)
"""Diversities at which the trade-off is shown."""


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
    measuring = Measuring(split=split, cases=cases, catalog=dataset.catalog, ks=ks)
    recommenders = open_all([artifact, *more], data, dataset.catalog)
    note("Fitting the baselines …", quiet=as_json)
    listings, others, left_out = baselines(measuring)
    models: list[Entry] = []
    for name, recommender in recommenders.items():
        note(f"Measuring {name} …", quiet=as_json)
        listings[name] = listing_of(recommender)
        models += [
            measuring.entry(title, describe(one), listing_of(one, diversity=strength))
            for title, one, strength in versions_of(name, recommender, diversity or ())
        ]
    entries = [*others, *models]
    compared = [
        *differences(entries, f"recall@{ks[-1]}"),
        *measure.against_twins(models, ks[-1]),
        *left_out,
    ]
    if report:
        content = content_of(measuring, entries, listings, recommenders, compared, data.name)
        write_report(content, report)
    lines = [*measure.lines_of(entries, measuring.ks), "", *compared, ""]
    lines += models[0].filtered.card().splitlines()
    lines += [f"report: {report / 'report.html'}"] if report else []
    value = {"entries": measure.as_json(entries), "differences": compared}
    show(value, lines, as_json=as_json)


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


def describe(recommender: Recommender) -> str:
    """Tell what a recommender is made of."""
    model, rules = recommender.model, recommender.rules
    kind, extractor = type(model.extractor).__name__, model.extractor
    return (
        f"{kind}, K={extractor.interests}, D={extractor.dim}, newest {extractor.max_len} events, "
        f"{model.similarity}" + (f", rules at {rules.weight:g}" if rules else "")
    )


def content_of(
    measuring: Measuring,
    entries: Sequence[Entry],
    listings: Mapping[str, Listing],
    recommenders: Mapping[str, Recommender],
    sentences: Sequence[str],
    title: str,
) -> Content:
    """Gather what the report shows."""
    around = surroundings()
    return Content(
        title=f"Prismrec on {title}",
        dataset=facts(measuring.split, measuring.catalog),
        protocol=measuring.split.how,
        entries=entries,
        depth={name: measuring.depth(listing) for name, listing in listings.items()},
        tradeoff={
            name: tradeoff(recommender, measuring.cases, STRENGTHS, k=measuring.ks[-1])
            for name, recommender in recommenders.items()
        }
        if measuring.catalog.category_names
        else {},
        diagnostics={
            name: diagnosed(recommender, measuring) for name, recommender in recommenders.items()
        },
        tradeoff_k=measuring.ks[-1],
        command=around["command"],
        commit=around["commit"],
        machine=f"{around['machine']}, torch {around['torch']}",
        date=around["date"],
        differences=sentences,
    )


def diagnosed(recommender: Recommender, measuring: Measuring) -> Diagnostics:
    """Give the health of a recommender's interests."""
    return diagnose(recommender, measuring.cases, k=measuring.ks[-1])


def facts(split: Split, catalog: Catalog) -> dict[str, Any]:
    """Give the sizes of what is measured."""
    return {
        "training users": len(split.train),
        "training events": len(split.train.items),
        "validation users": len(split.valid),
        "test users": len(split.test),
        "items": catalog.size - 1,
        "categories": len(catalog.category_names),
    }
