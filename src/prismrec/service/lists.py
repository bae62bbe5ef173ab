"""Lists: from requests to answers, requests of the same options together. No HTTP in here."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from prismrec.errors import PrismrecError, StoreError
from prismrec.recommend import Answer, Interest
from prismrec.service.loaded_artifact import LoadedArtifact
from prismrec.service.metrics import Metrics
from prismrec.service.responses import ServedAnswer
from prismrec.service.schemas import RecommendRequest
from prismrec.service.stores import Store
from prismrec.service.users import stored_items
from prismrec.service.versions import Pair, Versions, choose


class ListMaker:
    """Answers requests from the events of their users and the histories given.

    Args:
        versions: Which artifact answers.
        store: Where events are.
        metrics: Counts lists.
        newest: Events of a user that are read.
    """

    def __init__(self, versions: Versions, store: Store, metrics: Metrics, newest: int) -> None:
        self.versions, self.store, self.metrics, self.newest = versions, store, metrics, newest

    def answer_all(self, requests: Sequence[RecommendRequest]) -> list[ServedAnswer]:
        """Answer several requests, or none of them if one cannot be answered."""
        answers: list[ServedAnswer] = []
        for one in self.answer_each(requests):
            if isinstance(one, Exception):
                raise one
            answers.append(one)
        return answers

    def answer_each(self, requests: Sequence[RecommendRequest]) -> list[ServedAnswer | Exception]:
        """Answer each request, or return why it cannot be answered.

        Requests of one ``batch_key`` cost one forward pass together, and all stored events are
        read at once.
        """
        found: dict[int, ServedAnswer | Exception] = {}
        users = [one.user for one in requests if one.user is not None]
        try:
            stored = stored_items(self.store, users, self.newest)
        except StoreError as error:
            stored = {}
            found = {place: error for place, one in enumerate(requests) if one.user is not None}
        groups: dict[str, list[int]] = defaultdict(list)
        for place, one in enumerate(requests):
            if place not in found:
                groups[batch_key(one)].append(place)
        pair = self.versions.both()  # once: a reload in between does not mix two artifacts
        for places in groups.values():
            answers = self._answer_group([requests[place] for place in places], stored, pair)
            found |= dict(zip(places, answers, strict=True))
        return [found[place] for place in range(len(requests))]

    def _answer_group(
        self, group: Sequence[RecommendRequest], stored: Mapping[str, Sequence[str]], pair: Pair
    ) -> Sequence[ServedAnswer | Exception]:
        """Answer requests of one key; where they fail together, each by itself."""
        histories = [[*stored.get(one.user or "", ()), *(one.history or ())] for one in group]
        try:
            served = choose(pair, comparison=group[0].comparison)
            answers = answers_of(served, histories, group[0])
        except PrismrecError as error:
            if len(group) == 1:
                return [error]
            return [self._answer_group([one], stored, pair)[0] for one in group]
        for answer in answers:
            self.metrics.count_list(answer)
        return answers


def answers_of(
    served: LoadedArtifact, histories: Sequence[Sequence[str]], asked: RecommendRequest
) -> list[ServedAnswer]:
    """Return the answers of one artifact to histories that are asked for alike.

    Args:
        served: What answers.
        histories: Item ids of each, oldest first: the stored ones, then those given.
        asked: Any of the requests: they share their ``batch_key``.

    Raises:
        PrismrecError: An impossible option, or a name that does not exist.

    Cost: one forward pass for all of them.
    """
    found = served.recommender.recommend_many(
        histories, asked.options, explain=asked.explain, frontier=asked.frontier
    )
    return [_served(served, answer, asked.offset) for answer in found]


def batch_key(asked: RecommendRequest) -> str:
    """Return what requests have in common that can be answered together."""
    return asked.model_dump_json(exclude={"user", "history"})


def placed(served: LoadedArtifact, interests: Sequence[Interest]) -> tuple[Interest, ...]:
    """Return interests with their place on the map."""
    if not interests:
        return ()
    dim = served.recommender.model.extractor.dim
    places = served.plane.place_all([one.vector[:dim] for one in interests])
    return tuple(
        replace(one, position=(float(x), float(y)))
        for one, (x, y) in zip(interests, places, strict=True)
    )


def _served(served: LoadedArtifact, answer: Answer, offset: int) -> ServedAnswer:
    fields = vars(answer) | {
        "items": answer.items[offset:],
        "interests": placed(served, answer.interests),
    }
    return ServedAnswer(artifact=served.name, **fields)
