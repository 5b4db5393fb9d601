"""How large and how long a request may be."""

from dataclasses import dataclass

MIB = 2**20


@dataclass(frozen=True)
class Limits:
    """Of one service; `body_bytes` of a request and of an answer, which is 500 when it is larger.

    `concurrency` is how many requests its instances answer at once; who waits longer than `pending_s` gets 429.
    Assumed: `pending_s`, and `header_bytes` (64 KiB are documented of Google's load balancers) with its status 413.
    """

    body_bytes: int = 32 * MIB
    header_bytes: int = 64 * 1024
    timeout_s: float = 300.0
    concurrency: int = 80
    pending_s: float = 10.0
