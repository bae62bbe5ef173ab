"""``prismrec abtest``: compare the variants of an experiment."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from prismrec.cli._estimate import EstimateOptions, estimate_artifact, estimate_lines
from prismrec.cli._extensions import ClassFlags
from prismrec.cli._headings import COMMON, AsJson
from prismrec.cli._options import ReadOptions, open_log
from prismrec.cli._output import print_output, table, wrapped
from prismrec.cli._progress import Progress
from prismrec.cli._reading import reading_json, reading_lines, warning_lines
from prismrec.data import Comparison, Weighting, time_warnings
from prismrec.evaluation import ABTest, analyze, read_exposures
from prismrec.service import exposure_secret


@Parameter(group=COMMON)
@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """What is compared."""

    experiment: str | None = None
    """Name of the experiment, if the exposure log has several."""
    k: Annotated[int, Parameter(name=["-k", "--k"])] = 10
    """Number of items of a list that count."""
    window: float = 24.0
    """Hours after a list in which an event on one of its items is a hit."""
    dislikes: str | None = None
    """Events that are dislikes, as for 'prismrec prepare': 'rating<=2' or event=return. They are no
    hits and no part of a history; with --estimate, they change the lists as in the service."""
    effect: float | None = None
    """Also print how many users are needed to find this relative difference to the control, such as
    0.05 for 5 %."""


def abtest(
    exposures: Path,
    log: str,
    /,
    *,
    test: Annotated[ReportOptions, Parameter(name="*")] = ReportOptions(),
    reading: Annotated[ReadOptions, Parameter(name="*")] = ReadOptions(),  # noqa: B008 -- frozen
    estimating: Annotated[EstimateOptions, Parameter(name="*")] = EstimateOptions(),  # noqa: B008
    classes: Annotated[ClassFlags, Parameter(name="*")] = ClassFlags(),  # noqa: B008
    as_json: AsJson = False,
) -> None:
    """Compare the variants of an experiment, user by user.

    PRISMREC_EXPOSURE_SECRET must have the value that it had for 'prismrec serve --experiment'. With
    --estimate, the hit rate of another artifact is estimated from the logged lists.

    Args:
        exposures: The exposure log: a folder, or one of its files.
        log: The events of the same users: a file, glob or folder of CSV, TSV, JSON lines or
            Parquet.
        test: What is compared.
        reading: How to read the events.
        estimating: The artifact to estimate, and what made the logged lists.
        classes: Classes of the artifacts that are not built in.
        as_json: Print one JSON object.
    """
    secret, window = exposure_secret(), 3_600 * test.window
    compared = None if test.dislikes is None else Comparison.parse(test.dislikes)
    weighting = Weighting(dislikes=compared, whole_log=False)  # a day may have no returns
    estimating.check()
    with Progress("abtest", quiet=as_json):
        found = read_exposures(exposures, test.experiment)
        events, _ = open_log(log, reading, weighting)
        report = analyze(found, events, secret, k=test.k, window=window, effect=test.effect)
        warnings = time_warnings(events)
        value = report.to_json() | {"log": reading_json(events, warnings)}
        lines = [*reading_lines(events), *warning_lines(warnings), "", *lines_of(report)]
        if estimating.estimate:
            replaying = estimating.replaying(test.k, window)
            estimated = estimate_artifact(found, events, secret, estimating, replaying, classes)
            value["estimate"] = estimated.to_json() | {"artifact": str(estimating.estimate)}
            lines += ["", *estimate_lines(estimated, estimating.estimate)]
    print_output(value, lines, as_json=as_json)


def lines_of(report: ABTest) -> Iterator[str]:
    """Yield the lines of a report: warnings first, then the tables."""
    for note in report.notes:
        yield wrapped(f"warning: {note}")
    if report.notes:
        yield ""
    control = report.variants[0]
    yield f"{report.experiment}: k={report.k}, window {report.window / 3_600:g} hours"
    yield from table(
        ["variant", "users", "lists", *control.means],
        [
            [
                each.name,
                f"{each.users:,}",
                f"{each.exposures:,}",
                *(_with_interval(f"{each.means[m]:.4f}", each.intervals[m]) for m in each.means),
            ]
            for each in report.variants
        ],
    )
    yield ""
    yield from table(
        [f"difference to {control.name}", "", "difference", "p", "p (Holm)"],
        [
            [
                each.variant,
                each.metric,
                _with_interval(f"{each.mean:+.4f}", each.interval),
                _shown(each.p),
                _shown(each.p_corrected),
            ]
            for each in report.differences
        ],
    )
    yield from ("", "±: 95 % half-width over users; p (Holm): corrected for all rows.")
    yield f"Users per variant match the shares with p = {report.sample_ratio_p:.3g}."
    if report.overridden:
        yield f"Not counted: {report.overridden:,} lists with options of the request."
    if report.dislikes:
        yield f"No hits: {report.dislikes:,} events that are dislikes."
    for metric, smallest in report.smallest_effects.items():
        yield f"{metric}: this number of users finds a difference of {smallest:.4f}"
        needed = report.users_needed.get(metric)
        yield "  with a probability of 80 %." + (
            f" The effect asked for needs {needed:,} users." if needed else ""
        )


def _with_interval(value: str, interval: float | None) -> str:
    return value if interval is None else f"{value} ± {interval:.4f}"


def _shown(p: float | None) -> str:
    if p is None:
        return "-"
    return f"{p:.4f}" if p >= 0.0001 else "<0.0001"
