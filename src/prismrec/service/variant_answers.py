"""From requests to answers while an experiment runs: each user gets the options of a variant."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from prismrec.data import Catalog
from prismrec.service.answering import Answering
from prismrec.service.experiments import Assigned, Experiment
from prismrec.service.exposures import Exposed, ExposureLog
from prismrec.service.metrics import Metrics
from prismrec.service.responses import ServedAnswer, VariantAnswer
from prismrec.service.schemas import RecommendRequest
from prismrec.service.settings import ServePaths, exposure_secret
from prismrec.service.users import MonotonicClock

log = logging.getLogger("prismrec.service")


class RunningExperiment(NamedTuple):
    """An experiment, and the log of the lists that its users get."""

    experiment: Experiment
    log: ExposureLog

    @classmethod
    def open(
        cls, experiment: Experiment | None, paths: ServePaths, metrics: Metrics
    ) -> "RunningExperiment | None":
        """Open the log of an experiment; None without an experiment.

        Raises:
            ConfigError: The secret cannot be used, or the log not be written.
        """
        if experiment is None:
            return None
        log = ExposureLog(
            paths.exposure_folder, experiment.definition, exposure_secret(), metrics.registry
        )
        return cls(experiment, log)


def check_of(
    experiment: Experiment | None, paths: ServePaths
) -> Callable[[Catalog, Catalog | None], None] | None:
    """Return the check of the start and of each reload; None without an experiment.

    It is that of the experiment. It also warns if the file of the experiment is another one than at
    the start, because a reload does not read it.
    """
    path = paths.experiment
    if experiment is None or path is None:
        return None
    content = _content(path)

    def check(catalog: Catalog, compared: Catalog | None) -> None:
        experiment.check(catalog, compared)
        if _content(path) != content:
            log.warning(
                "the file of the experiment changed, but it is read at the start only: restart the "
                "service",
                extra={"fields": {"file": str(path), "experiment": experiment.file.name}},
            )

    return check


def _content(path: Path) -> bytes | None:
    """Return the content of a file; None if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        return None


class VariantAnswering:
    """Answers requests for lists, and logs the lists of users.

    Args:
        answering: Answers requests.
        running: Assigns users to variants, and gets each list of a user.
        clock: The time of a list.
    """

    def __init__(
        self, answering: Answering, running: RunningExperiment, clock: MonotonicClock
    ) -> None:
        self.answering, self.clock = answering, clock
        self.experiment, self.log = running

    async def answer(self, request: RecommendRequest, request_id: str) -> VariantAnswer:
        """Answer one request; a request without a user is answered as without an experiment.

        Raises:
            ApiError, PrismrecError: See ``Answering.answer``.
        """
        assigned = self.experiment.assign(request)
        answer = await self.answering.answer(assigned.request if assigned else request)
        return self._logged(answer, request, assigned, request_id)

    async def answer_all(
        self, requests: Sequence[RecommendRequest], request_id: str
    ) -> list[VariantAnswer]:
        """Answer the requests of a batch, or raise the first error; see ``answer``."""
        found = [self.experiment.assign(request) for request in requests]
        answers = await self.answering.answer_all(
            [one.request if one else request for one, request in zip(found, requests, strict=True)]
        )
        return [
            self._logged(answer, request, one, request_id)
            for answer, request, one in zip(answers, requests, found, strict=True)
        ]

    def _logged(
        self,
        answer: ServedAnswer,
        request: RecommendRequest,
        assigned: Assigned | None,
        request_id: str,
    ) -> VariantAnswer:
        if assigned is None:
            return VariantAnswer(**vars(answer), variant=None)
        self.log.add(
            Exposed(
                request=request_id,
                time=self.clock.now(),
                user=request.user or "",
                variant=assigned.variant,
                overridden=assigned.overridden,
                items=[item.id for item in answer.items],
            )
        )
        return VariantAnswer(**vars(answer), variant=assigned.variant)
