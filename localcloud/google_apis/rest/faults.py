"""Faults on demand: which call of which method fails, loses its reply or is late."""

from typing import Literal

from pydantic import Field

from localcloud.wire.faults import Rule, Rules


class Fault(Rule):
    """One rule, as posted to `/local/faults`.

    kind: `error` answers `status` (default 503) without any effect; `lost_reply` has the effect, then answers
    `status`, or closes the connection when none is given; `delay` waits `delay_s` seconds first.
    """

    api: Literal["tasks", "run", "kms", "secrets", "iam", "operations"]
    method: str = "*"
    kind: Literal["error", "lost_reply", "delay"]
    status: int | None = Field(default=None, ge=400, le=599)
    delay_s: float = Field(default=0.0, ge=0, le=600)

    def concerns(self, place: str, method: str) -> bool:
        """`place` is the API."""
        return place == self.api and self.method in ("*", method)


Faults = Rules[Fault]
