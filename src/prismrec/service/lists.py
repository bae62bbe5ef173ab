"""From requests to lists: requests with the same options are answered together. No HTTP here."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from prismrec.errors import ConfigError, PrismrecError
from prismrec.recommend import Answer, Interest
from prismrec.rerank import Diversity
from prismrec.service.loaded_artifact import LoadedArtifact, Pair, choose
from prismrec.service.responses import ServedAnswer
from prismrec.service.schemas import RecommendRequest
from prismrec.service.stores import Feedback
from prismrec.service.versions import Versions

TOP_ITEMS = 5
"""Items per interest that it alone would recommend, in an answer with reasons."""
DIVERSE = 3
"""Weight of a list with diversity, interests, boosts or a frontier, relative to a plain list."""


class ListJob(NamedTuple):
    """A request, and the stored feedback of its user, if it is read."""

    request: RecommendRequest
    stored: Feedback | None = None
    place: int | None = None
    """Position in its batch, from 0."""

    @property
    def history(self) -> list[str]:
        """The history: the stored events, then that of the request."""
        stored = self.stored.history if self.stored else ()
        return [*stored, *(self.request.history or ())]

    @property
    def dislikes(self) -> tuple[str, ...]:
        """The stored dislikes that the request does not name; its history ends dislikes."""
        if not self.stored or not self.stored.dislikes:
            return ()
        named = {*self.request.dislikes, *(self.request.history or ())}
        return tuple(item for item in self.stored.dislikes if item not in named)


def weight_of(job: ListJob) -> float:
    """Return what a request costs, relative to one for a plain list of at most 50 items."""
    request = job.request
    options = request.options
    plain = Diversity.of(options.diversity).off and options.interests.neutral
    plain = plain and not options.boosts
    plain = plain and not request.frontier and not request.mix_frontier
    factor = 1 if plain else DIVERSE
    return factor * max(1.0, options.k / 50)


class ListMaker:
    """Answers requests; it never reads the store, which may be slow.

    Args:
        versions: The artifacts that answer.
        rerankers: The re-rankers that a request may name.
    """

    def __init__(self, versions: Versions, *, rerankers: Collection[str]) -> None:
        self.versions, self.rerankers = versions, rerankers

    def answer_each(self, jobs: Sequence[ListJob]) -> list[ServedAnswer | Exception]:
        """Return one answer per request, or the error that prevents it.

        Cost: one forward pass per group of requests with the same ``batch_key`` and dislikes.
        """
        results: dict[int, ServedAnswer | Exception] = {}
        groups: dict[tuple[str, tuple[str, ...]], list[int]] = defaultdict(list)
        for number, job in enumerate(jobs):
            groups[batch_key(job.request), job.dislikes].append(number)
        pair = self.versions.both()  # once: a reload in between does not mix two artifacts
        for numbers in groups.values():
            answers = self._answer_group([jobs[number] for number in numbers], pair)
            results |= dict(zip(numbers, answers, strict=True))
        return [results[number] for number in range(len(jobs))]

    def _answer_group(
        self, group: Sequence[ListJob], pair: Pair
    ) -> Sequence[ServedAnswer | Exception]:
        """Answer requests with the same key; if they fail together, answer each one alone."""
        request = group[0].request
        try:
            self._check_reranker(request.rerank)
            served = choose(pair, comparison=request.comparison)
            histories = [job.history for job in group]
            answers = answers_of(served, histories, request, group[0].dislikes)
        except PrismrecError as error:
            if len(group) == 1:
                return [error]
            return [self._answer_group([job], pair)[0] for job in group]
        return answers

    def _check_reranker(self, name: str) -> None:
        """Check the name before the recommender resolves it: a request must not import code."""
        if name not in self.rerankers:
            names = ", ".join(sorted(self.rerankers))
            raise ConfigError(
                f"rerank is {name!r}, which does not exist here; send one of {names}."
            )


def answers_of(
    served: LoadedArtifact, histories: Sequence[Sequence[str]], request: RecommendRequest,
    dislikes: Sequence[str] = (),
) -> list[ServedAnswer]:  # fmt: skip
    """Return the answers of one artifact to histories, all with the same options.

    Args:
        served: The artifact that answers.
        histories: Item ids per history, oldest first: stored events, then those of the request.
        request: Any of the requests; they share their ``batch_key``.
        dislikes: Disliked items, besides those of the request.

    Raises:
        PrismrecError: An impossible option, or a name that does not exist.

    Cost: one forward pass.
    """
    options = request.options
    if dislikes:
        options = replace(options, dislikes=(*options.dislikes, *dislikes))
    answers = served.recommender.recommend_many(
        histories,
        options,
        explain=request.explain,
        frontier=request.frontier,
        mix_frontier=request.mix_frontier,
        top_items=TOP_ITEMS,
    )
    return [_served(served, answer, request.page) for answer in answers]


def batch_key(request: RecommendRequest) -> str:
    """Return a text that is equal for requests that can be answered together."""
    return request.model_dump_json(exclude={"user", "history"})


def with_positions(served: LoadedArtifact, interests: Sequence[Interest]) -> tuple[Interest, ...]:
    """Return interests with their positions on the map."""
    if not interests:
        return ()
    dim = served.recommender.model.extractor.dim
    vectors = np.array([interest.vector[:dim] for interest in interests], dtype=np.float32)
    positions = served.plane.project(vectors)
    return tuple(
        replace(interest, position=(float(x), float(y)))
        for interest, (x, y) in zip(interests, positions, strict=True)
    )


def _served(served: LoadedArtifact, answer: Answer, page: slice) -> ServedAnswer:
    fields = vars(answer) | {
        "items": answer.items[page],
        "interests": with_positions(served, answer.interests),
    }
    return ServedAnswer(artifact=served.name, **fields)
