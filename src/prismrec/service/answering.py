"""From requests to answers: first the store is read, then lists are computed, each by its threads.

If the store hangs, requests without a user are answered as usual.
"""

from collections.abc import Sequence
from functools import partial

from prismrec.service.lists import Job, ListMaker, weight_of
from prismrec.service.microbatch import Batcher
from prismrec.service.responses import ServedAnswer
from prismrec.service.schemas import RecommendRequest
from prismrec.service.stores import Store
from prismrec.service.thread_pool import Threads
from prismrec.service.users import stored_items


class Answering:
    """Answers requests for lists.

    Args:
        lists: Computes lists.
        store: The store of events.
        threads: Read the store and compute.
        newest: Number of the newest events of a user that are read.
    """

    def __init__(self, lists: ListMaker, store: Store, threads: Threads, *, newest: int) -> None:
        read = partial(stored_items, store, newest=newest)
        self.stored: Batcher[str, list[str]] = Batcher(read, threads.reads)
        self.lists: Batcher[Job, ServedAnswer] = Batcher(
            lists.answer_each, threads.answers, weight_of
        )

    async def answer(self, request: RecommendRequest) -> ServedAnswer:
        """Answer one request.

        Raises:
            ApiError: 503 if a queue is full; 504 after the timeout.
            PrismrecError: It cannot be answered.
        """
        stored = await self.stored.run(request.user) if request.user is not None else ()
        return await self.lists.run(Job(request, stored))

    async def answer_all(self, requests: Sequence[RecommendRequest]) -> list[ServedAnswer]:
        """Answer the requests of a batch, or raise the first error; see ``answer``."""
        users = list({request.user for request in requests if request.user is not None})
        stored = dict(zip(users, await self.stored.run_all(users), strict=True))
        jobs = [Job(request, stored.get(request.user or "", ())) for request in requests]
        return await self.lists.run_all(jobs)

    @property
    def pending(self) -> int:
        """The number of requests that wait for a thread."""
        return self.stored.pending + self.lists.pending
