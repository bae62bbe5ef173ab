"""From requests to answers: the store is read, then lists are computed.

For a single request both happen in one thread of the store: with a change of threads in between,
the service answers a fifth fewer lists. If the store is slow, this thread does not count as one
that computes, and the next group starts. Until that read ends, lists are computed in other threads
than those that read: requests without a user are answered as usual, even if the store hangs.
"""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from itertools import repeat

from prismrec.errors import PrismrecError, StoreError
from prismrec.service.lists import ListJob, ListMaker, weight_of
from prismrec.service.metrics import Metrics
from prismrec.service.microbatch import Batcher, read_arrived_requests
from prismrec.service.responses import ServedAnswer
from prismrec.service.schemas import RecommendRequest
from prismrec.service.stores import Feedback, Store
from prismrec.service.thread_pool import ThreadPool, Threads
from prismrec.service.turns import Turns
from prismrec.service.users import stored_feedback


class SlowStoreError(StoreError):
    """A read of the store takes long; nothing is wrong with the request."""


class Answering:
    """Answers requests for lists.

    Args:
        lists: Computes lists.
        store: The store of events.
        threads: Read the store and compute.
        metrics: Counts the lists that callers get.
        newest: Number of the newest events of a user that are read.
    """

    def __init__(
        self, lists: ListMaker, store: Store, threads: Threads, metrics: Metrics, *, newest: int
    ) -> None:
        self.maker, self.threads, self.metrics = lists, threads, metrics
        self.read = partial(stored_feedback, store, newest=newest)
        self.stored: Batcher[str, Feedback] = Batcher(self.read, threads.reads)
        self.lists: Batcher[ListJob, ServedAnswer] = Batcher(
            self._answer_each, threads.answers, weight_of, pool_of=self._pool_of, waits=self._waits
        )
        self.stored_of_batches: Batcher[str, Feedback] = Batcher(self.read, threads.reads)
        self.lists_of_batches: Batcher[ListJob, ServedAnswer] = Batcher(
            self._answer_batch, threads.batches, weight_of
        )
        self.turns = Turns(threads.answers.threads, pending=self.lists.has_callers)
        self.reading: set[int] = set()
        """Groups that wait for the store now, by the identity of their list of requests."""
        self.late: set[int] = set()
        """Those of them that have waited for too long."""

    async def answer(self, request: RecommendRequest) -> ServedAnswer:
        """Answer one request.

        Raises:
            ApiError: 503 if a queue is full; 504 after the timeout.
            PrismrecError: It cannot be answered.
        """
        answer = await self._answer(request)
        self.metrics.count_list(answer)
        return answer

    async def _answer(self, request: RecommendRequest) -> ServedAnswer:
        if request.user is None:
            return await self.lists.run(ListJob(request, Feedback()))
        if not self.late:
            with suppress(SlowStoreError):
                return await self.lists.run(ListJob(request))
        return await self.lists.run(ListJob(request, await self.stored.run(request.user)))

    async def answer_all(self, requests: Sequence[RecommendRequest]) -> list[ServedAnswer]:
        """Answer the requests of a batch, or raise the error of one; see ``answer``.

        Its message begins with the position of that request.
        """
        users = list({request.user for request in requests if request.user is not None})
        stored = dict(zip(users, await self.stored_of_batches.run_all(users), strict=True))
        jobs = [
            ListJob(request, stored.get(request.user or "", Feedback()), place)
            for place, request in enumerate(requests)
        ]
        # Reading a large batch took milliseconds; single requests that arrived then come first.
        await read_arrived_requests()
        answers = await self.lists_of_batches.run_all(jobs)
        for answer in answers:
            self.metrics.count_list(answer)
        return answers

    @property
    def pending(self) -> int:
        """The number of requests that wait for a thread."""
        batchers = (self.stored, self.lists, self.stored_of_batches, self.lists_of_batches)
        return sum(batcher.pending for batcher in batchers)

    def _answer_each(self, jobs: Sequence[ListJob]) -> list[ServedAnswer | Exception]:
        """Read the events that are not read yet, and answer each request or return its error."""
        users = [job.request.user or "" for job in jobs if job.stored is None]
        if not users:
            return self._compute(jobs)
        try:
            found = iter(self._read_for(jobs, users))
        except StoreError as error:
            found = repeat(error)
        read = [job if job.stored is not None else _with_stored(job, next(found)) for job in jobs]
        answers = iter(self._compute([job for job in read if isinstance(job, ListJob)]))
        return [next(answers) if isinstance(one, ListJob) else one for one in read]

    def _compute(self, jobs: Sequence[ListJob]) -> list[ServedAnswer | Exception]:
        with self.turns.single():
            return self.maker.answer_each(jobs)

    def _answer_batch(self, jobs: Sequence[ListJob]) -> list[ServedAnswer | Exception]:
        with self.turns.batch():
            answers = self.maker.answer_each(jobs)
        return [_located(answer, job) for answer, job in zip(answers, jobs, strict=True)]

    def _read_for(
        self, jobs: Sequence[ListJob], users: Sequence[str]
    ) -> list[Feedback | StoreError]:
        """Return what is stored of each user, or why it cannot be read.

        A slow read is seen by ``_waits``.

        Raises:
            SlowStoreError: An earlier read has not ended.
            StoreError: The store does not answer.
        """
        if self.late:
            raise SlowStoreError("An earlier read of the store has not ended; try again.")
        group = id(jobs)
        self.reading.add(group)
        try:
            return self.read(users)
        finally:
            self.reading.discard(group)
            self.late.discard(group)

    def _pool_of(self, jobs: Sequence[ListJob]) -> ThreadPool | None:
        """Return the threads of the store for a group that reads it."""
        unread = not self.late and any(job.stored is None for job in jobs)
        return self.threads.reads if unread else None

    def _waits(self, jobs: Sequence[ListJob]) -> bool:
        """Return whether a group still waits for the store, and remember this while it does."""
        group = id(jobs)
        if group in self.reading:
            self.late.add(group)
            if group not in self.reading:  # the read has ended in between
                self.late.discard(group)
        return group in self.late


def _with_stored(job: ListJob, stored: Feedback | StoreError) -> ListJob | StoreError:
    """Return a request with what is stored of its user, or why that cannot be read."""
    return stored if isinstance(stored, StoreError) else job._replace(stored=stored)


def _located(answer: ServedAnswer | Exception, job: ListJob) -> ServedAnswer | Exception:
    """Return an answer or an error; an error of the request of a batch names its position."""
    if not isinstance(answer, PrismrecError) or isinstance(answer, StoreError):
        return answer
    return type(answer)(f"requests.{job.place}: {answer}")
