"""What a queue's numbers mean: defaults, limits, backoff, when to give up, and the token bucket. Pure."""

import math
from datetime import datetime, timedelta

from localcloud.google_apis.rest.errors import InvalidArgument, Unimplemented
from localcloud.google_apis.wire_types import Queue, RateLimits, RetryConfig


def with_defaults(queue: Queue) -> Queue:
    """The queue with Google's defaults where it says nothing. Raises InvalidArgument beyond the limits."""
    if "http_target" in queue:
        raise Unimplemented("Queue.http_target is not part of the local cloud: put the target on the task.")
    _complete_rate_limits(queue.rate_limits)
    complete_retry_config(queue.retry_config)
    return queue


def _complete_rate_limits(limits: RateLimits) -> None:
    limits.max_dispatches_per_second = limits.max_dispatches_per_second or 500
    limits.max_concurrent_dispatches = limits.max_concurrent_dispatches or 1000
    if not 0 < limits.max_dispatches_per_second <= 500:
        raise InvalidArgument("RateLimits.max_dispatches_per_second must be in (0, 500].")
    if not 0 < limits.max_concurrent_dispatches <= 5000:
        raise InvalidArgument("RateLimits.max_concurrent_dispatches must be in (0, 5000].")
    # Output only, "at least equal to max_dispatches_per_second"; 10 and 100 are what real queues show.
    limits.max_burst_size = max(10, min(100, math.ceil(limits.max_dispatches_per_second)))


def complete_retry_config(config: RetryConfig) -> None:
    """Fill in Google's defaults, for a queue or for a task of its own. Raises InvalidArgument."""
    config.max_attempts = config.max_attempts or 100
    config.min_backoff = config.min_backoff or timedelta(seconds=0.1)
    config.max_backoff = config.max_backoff or timedelta(hours=1)
    config.max_doublings = config.max_doublings or 16
    if config.max_attempts < -1:
        raise InvalidArgument("RetryConfig.max_attempts must be at least -1.")
    if config.min_backoff > config.max_backoff:
        raise InvalidArgument("RetryConfig.min_backoff must not exceed max_backoff.")


def retry_delay(config: RetryConfig, failures: int) -> timedelta:
    """The wait after the n-th failure: doubling max_doublings times, then linear, at most max_backoff.

    Google's example: 10 s, 300 s and 3 doublings give 10, 20, 40, 80, 160, 240, 300, 300 …
    """
    doublings = min(failures - 1, config.max_doublings)
    linear_steps = failures - 1 - doublings
    factor = 2**doublings + linear_steps * 2**config.max_doublings
    longest_s = config.max_backoff.total_seconds()
    return timedelta(seconds=min(config.min_backoff.total_seconds() * factor, longest_s))


def is_exhausted(config: RetryConfig, attempts: int, age: timedelta) -> bool:
    """True when both max_attempts and max_retry_duration are used up; a duration of 0 sets no condition."""
    if config.max_attempts == -1 or attempts < config.max_attempts:
        return False
    return not config.max_retry_duration or age >= config.max_retry_duration


class TokenBucket:
    """The queue's rate limit: a burst at once, then `rate` dispatches a second."""

    def __init__(self, limits: RateLimits, now: datetime) -> None:
        self._tokens = float(limits.max_burst_size)
        self._filled_at = now

    def available(self, limits: RateLimits, now: datetime) -> int:
        """Whole tokens at `now`; the limits may have changed since the last call."""
        elapsed_s = max(0.0, (now - self._filled_at).total_seconds())
        self._filled_at = now
        refilled = self._tokens + elapsed_s * limits.max_dispatches_per_second
        self._tokens = min(refilled, float(limits.max_burst_size))
        return int(self._tokens)

    def take(self, count: int) -> None:
        """Use tokens that `available` has shown."""
        self._tokens -= count

    def seconds_to_next(self, limits: RateLimits) -> float:
        """How long until one token is there."""
        return max(0.0, (1 - self._tokens) / float(limits.max_dispatches_per_second))
