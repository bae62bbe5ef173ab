"""From requests to lists: requests with the same options are answered together. No HTTP here."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from prismrec.errors import ConfigError, PrismrecError, StoreError
from prismrec.recommend import Answer, Interest
from prismrec.service.loaded_artifact import LoadedArtifact
from prismrec.service.metrics import Metrics
from prismrec.service.responses import ServedAnswer
from prismrec.service.schemas import RecommendRequest
from prismrec.service.stores import Store
from prismrec.service.users import stored_items
from prismrec.service.versions import Pair, Versions, choose

TOP_ITEMS = 5
"""Items per interest that it alone would recommend, in an answer with reasons."""


class ListMaker:
    """Answers requests from stored events and from the histories in the requests.

    Args:
        versions: The artifacts that answer.
        store: The store of events.
        metrics: Counts lists.
        newest: Number of the newest events of a user that are read.
        rerankers: The re-rankers that a request may name.
    """

    def __init__(
        self,
        versions: Versions,
        store: Store,
        metrics: Metrics,
        *,
        newest: int,
        rerankers: Collection[str],
    ) -> None:
        self.versions, self.store, self.metrics = versions, store, metrics
        self.newest, self.rerankers = newest, rerankers

    def answer_all(self, requests: Sequence[RecommendRequest]) -> list[ServedAnswer]:
        """Answer several requests, or raise the first error.

        Raises:
            PrismrecError: One of them cannot be answered.
        """
        answers: list[ServedAnswer] = []
        for answer in self.answer_each(requests):
            if isinstance(answer, Exception):
                raise answer
            answers.append(answer)
        return answers

    def answer_each(self, requests: Sequence[RecommendRequest]) -> list[ServedAnswer | Exception]:
        """Return one answer per request, or the error that prevents it.

        Cost: one forward pass per group of requests with the same ``batch_key``, and one read of
        the store.
        """
        results: dict[int, ServedAnswer | Exception] = {}
        users = [request.user for request in requests if request.user is not None]
        try:
            stored = stored_items(self.store, users, self.newest)
        except StoreError as error:
            stored = {}
            results = {n: error for n, request in enumerate(requests) if request.user is not None}
        groups: dict[str, list[int]] = defaultdict(list)
        for number, request in enumerate(requests):
            if number not in results:
                groups[batch_key(request)].append(number)
        pair = self.versions.both()  # once: a reload in between does not mix two artifacts
        for numbers in groups.values():
            answers = self._answer_group([requests[number] for number in numbers], stored, pair)
            results |= dict(zip(numbers, answers, strict=True))
        return [results[number] for number in range(len(requests))]

    def _answer_group(
        self, group: Sequence[RecommendRequest], stored: Mapping[str, Sequence[str]], pair: Pair
    ) -> Sequence[ServedAnswer | Exception]:
        """Answer requests with the same key; if they fail together, answer each one alone."""
        histories = [
            [*stored.get(request.user or "", ()), *(request.history or ())] for request in group
        ]
        try:
            self._check_reranker(group[0].rerank)
            served = choose(pair, comparison=group[0].comparison)
            answers = answers_of(served, histories, group[0])
        except PrismrecError as error:
            if len(group) == 1:
                return [error]
            return [self._answer_group([request], stored, pair)[0] for request in group]
        for answer in answers:
            self.metrics.count_list(answer)
        return answers

    def _check_reranker(self, name: str) -> None:
        """Check the name before the recommender resolves it: a request must not import code."""
        if name not in self.rerankers:
            names = ", ".join(sorted(self.rerankers))
            raise ConfigError(
                f"rerank is {name!r}, which does not exist here; send one of {names}."
            )


def answers_of(
    served: LoadedArtifact, histories: Sequence[Sequence[str]], request: RecommendRequest
) -> list[ServedAnswer]:
    """Return the answers of one artifact to histories, all with the same options.

    Args:
        served: The artifact that answers.
        histories: Item ids per history, oldest first: stored events, then those of the request.
        request: Any of the requests; they share their ``batch_key``.

    Raises:
        PrismrecError: An impossible option, or a name that does not exist.

    Cost: one forward pass.
    """
    answers = served.recommender.recommend_many(
        histories,
        request.options,
        explain=request.explain,
        frontier=request.frontier,
        top_items=TOP_ITEMS,
    )
    return [_served(served, answer, request.offset) for answer in answers]


def batch_key(request: RecommendRequest) -> str:
    """Return a text that is equal for requests that can be answered together."""
    return request.model_dump_json(exclude={"user", "history"})


def with_positions(served: LoadedArtifact, interests: Sequence[Interest]) -> tuple[Interest, ...]:
    """Return interests with their positions on the map."""
    if not interests:
        return ()
    dim = served.recommender.model.extractor.dim
    positions = served.plane.project_all([interest.vector[:dim] for interest in interests])
    return tuple(
        replace(interest, position=(float(x), float(y)))
        for interest, (x, y) in zip(interests, positions, strict=True)
    )


def _served(served: LoadedArtifact, answer: Answer, offset: int) -> ServedAnswer:
    fields = vars(answer) | {
        "items": answer.items[offset:],
        "interests": with_positions(served, answer.interests),
    }
    return ServedAnswer(artifact=served.name, **fields)
