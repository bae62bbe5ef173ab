"""How many requests a caller may send per second."""

import time
from collections import OrderedDict
from collections.abc import Callable

from prismrec.service.errors import ApiError

CALLERS = 10_000
"""Number of callers whose rate is kept; the callers that asked last."""


class RateLimit:
    """A token bucket per caller: ``rate`` requests per second, with bursts of twice as many.

    Args:
        rate: Requests per second; 0 for no limit.
        now: Returns seconds of a clock that never goes back.
    """

    def __init__(self, rate: float, now: Callable[[], float] = time.monotonic) -> None:
        self.rate, self.now = rate, now
        self.buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, caller: str) -> None:
        """Count one request.

        Raises:
            ApiError: 429 if the caller is over the limit.
        """
        if not self.rate:
            return
        moment = self.now()
        full = max(2 * self.rate, 1.0)
        left, last = self.buckets.pop(caller, (full, moment))
        left = min(full, left + (moment - last) * self.rate)
        allowed = left >= 1
        self.buckets[caller] = (left - 1 if allowed else left, moment)
        if len(self.buckets) > CALLERS:
            self.buckets.popitem(last=False)
        if not allowed:
            raise ApiError(
                "rate_limited", f"More than {self.rate:g} requests per second; wait and try again."
            )
