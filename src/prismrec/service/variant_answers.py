"""From requests to answers while an experiment runs: each user gets the options of a variant."""

from collections.abc import Sequence
from typing import NamedTuple

from prismrec.service.answering import Answering
from prismrec.service.experiments import Assigned, Experiment
from prismrec.service.exposures import Exposed, ExposureLog
from prismrec.service.metrics import Metrics
from prismrec.service.responses import ServedAnswer, VariantAnswer
from prismrec.service.schemas import RecommendRequest
from prismrec.service.settings import ServePaths, exposure_secret
from prismrec.service.users import MonotonicClock


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
