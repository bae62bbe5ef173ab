"""The estimate of ``prismrec abtest --estimate``: an artifact that no user has seen."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from cyclopts import Parameter

from prismrec.cli._extensions import ClassFlags
from prismrec.cli._headings import ESTIMATE
from prismrec.cli._output import table, wrapped
from prismrec.data import EventLog
from prismrec.errors import ConfigError, MissingExtra, UnknownName
from prismrec.evaluation import (
    Exposures,
    Policy,
    PolicyEstimate,
    ReplayOptions,
    estimate_policy,
)
from prismrec.io import stage
from prismrec.recommend import read_artifact_manifest, weighting_of


@Parameter(group=ESTIMATE)
@dataclass(frozen=True, kw_only=True)
class EstimateOptions:
    """The artifact to estimate, and what made the logged lists."""

    estimate: Path | None = None
    """Estimate the hit rate of this artifact from the logged lists. It is an estimate, not a
    measurement; needs --artifact."""
    artifact: Path | None = None
    """The artifact that answered during the experiment."""
    compare_with: Path | None = None
    """The second artifact of the service, if a variant was answered by it."""
    options_of: str | None = None
    """Variant whose list options the estimated artifact gets; the control by default."""
    history: int | None = None
    """Newest events of a user that the service reads per request: its --history; 500 by default."""

    def check(self) -> None:
        """Check that the options belong together.

        Raises:
            ConfigError: One of --estimate and --artifact is missing, or there is an option for an
                estimate without --estimate.
        """
        if self.estimate and not self.artifact:
            raise ConfigError(
                "--estimate needs the artifact that answered during the experiment; add --artifact "
                "FOLDER."
            )
        others = (self.artifact, self.compare_with, self.options_of, self.history)
        if not self.estimate and any(each is not None for each in others):
            raise ConfigError(
                "--artifact, --compare-with, --options-of and --history are for an estimate, but "
                "no artifact to estimate was given; add --estimate FOLDER."
            )

    def replaying(self, k: int, window: float) -> ReplayOptions:
        """Return how lists are computed again; the window is in seconds."""
        newest = ReplayOptions.newest if self.history is None else self.history
        return ReplayOptions(k=k, window=window, newest=newest)


def estimate_artifact(
    exposures: Exposures,
    log: EventLog,
    secret: bytes,
    options: EstimateOptions,
    replaying: ReplayOptions,
    classes: ClassFlags,
) -> PolicyEstimate:
    """Estimate the hit rate of the artifact that the options name; see ``estimate_policy``.

    Raises:
        ConfigError: The definition of the experiment cannot be used, or it has no variant for
            --compare-with.
        DataError: A variant cannot be used with its artifact; or see ``estimate_policy``.
        UnknownName: The experiment has no such variant.
        MissingExtra: The packages of the service are not installed.
    """
    try:
        from prismrec.service import Experiment
    except ImportError as error:
        raise MissingExtra.for_("prismrec abtest --estimate", "serve") from error
    compares = options.compare_with is not None
    experiment = Experiment.logged(exposures.definition, compares=compares)
    if compares and not any(each.get("comparison") for each in experiment.values.values()):
        raise ConfigError(
            f"--compare-with is {options.compare_with}, but no variant of the experiment "
            f"{exposures.experiment!r} was answered by a second artifact; leave it out."
        )
    like = options.options_of or next(iter(exposures.shares))
    if like not in exposures.shares:
        raise UnknownName.among("variant", like, exposures.shares)
    folders = {"main": options.artifact, "compared": options.compare_with, "new": options.estimate}
    with stage("loading the artifacts"):
        loaded = {name: classes.load(folder) for name, folder in folders.items() if folder}
    experiment.check(loaded["main"].catalog, loaded["compared"].catalog if compares else None)
    variants = {
        name: Policy(
            loaded["compared" if experiment.values[name].get("comparison") else "main"],
            experiment.options_of(name),
        )
        for name in exposures.shares
    }
    found = estimate_policy(
        exposures,
        log,
        secret,
        variants,
        Policy(loaded["new"], experiment.options_of(like)),
        replace(replaying, own_lengths="length" in experiment.varied),
    )
    return replace(found, notes=(*notes_on_dislikes(options, log), *found.notes))


def notes_on_dislikes(options: EstimateOptions, log: EventLog) -> Iterator[str]:
    """Yield a warning if the service knew which events are dislikes, but the log was read without.

    Such an event counts as a hit and as a part of the history.
    """
    if options.artifact is None or log.weighting.dislikes is not None:
        return
    rule = weighting_of(read_artifact_manifest(options.artifact)["about"]).get("dislikes")
    if rule is not None:
        yield (
            f"The data set of {options.artifact} was prepared with --dislikes {rule!s}, so the "
            "service leaves out what a user dislikes, but here such events count as hits; give "
            "--dislikes."
        )


def estimate_lines(found: PolicyEstimate, artifact: Path) -> Iterator[str]:
    """Yield the lines of an estimate: warnings first, then the table."""
    for note in found.notes:
        yield wrapped(f"warning: {note}")
    if found.notes:
        yield ""
    yield wrapped(f"Estimate (not a measurement) for {artifact}, from the lists of the variants")
    yield from table(
        [f"item_hit_rate@{found.k}", "estimate", "measured", "p"],
        [
            ["new artifact", f"{found.estimate:.4f} ± {found.interval:.4f}", "-", "-"],
            *(
                [
                    each.name,
                    f"{each.estimate:.4f} ± {each.estimate_interval:.4f}",
                    f"{each.measured:.4f} ± {each.measured_interval:.4f}",
                    f"{each.p:.4f}",
                ]
                for each in found.variants
            ),
        ],
    )
    yield ""
    yield wrapped(
        f"The estimate is for the {found.coverage:.1%} of the items of its lists that any variant "
        f"shows; if the others are never hit, it is {found.lowest:.4f} for all. It rests on "
        f"{found.hits:,} hits of {found.users:,} users, and has the variance of "
        f"{found.effective_items:,.0f} items.",
        indent="",
    )
    yield wrapped(
        f"{found.same:.1%} of {found.lists:,} logged lists were computed again exactly. p: "
        "difference of estimate and measurement; a small one shows that the method does not fit.",
        indent="",
    )
