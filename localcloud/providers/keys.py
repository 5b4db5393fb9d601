"""The admin keys that the stand-ins know, and which days were restated. In memory only."""

import threading
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from localcloud.company.activity import Account

Kind = Literal["openai", "anthropic"]
SCOPES: dict[Kind, frozenset[str]] = {
    "openai": frozenset({"api.usage.read", "api.management.read"}),
    "anthropic": frozenset({"org:admin", "claude_code", "read:analytics"}),
}


class RegisteredKey(BaseModel):
    """A key and the organization behind it.

    seed: which organization; the same seed and UTC date always give the same numbers. rows: the finest rows of a day
    of model usage; other reports follow from it; 0 is an organization without usage. page_results: results on one
    page. amounts: how OpenAI's costs are written, `string` (in several notations) or `number`. scopes: all of the
    vendor's unless told; Anthropic's own keys have none, there they switch off `claude_code` and `read:analytics`; one
    without `org:admin` is of Claude Enterprise. per_minute: requests that are answered within a minute.
    without_amount: so many rows at the end of each page of costs by groups have none. names: by id, what lists call
    this project, workspace or key from now on; null is in no list any more. company: whose usage it is, for which
    `rows` do not count.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str = Field(min_length=8)
    kind: Kind
    seed: int
    scopes: frozenset[str] | None = None
    rows: int = Field(default=40, ge=0, le=1_000_000)
    page_results: int = Field(default=50, ge=1, le=100_000)
    amounts: Literal["string", "number"] = "string"
    revoked: bool = False
    per_minute: int | None = Field(default=None, ge=1)
    without_amount: int = Field(default=0, ge=0)
    names: dict[str, str | None] = Field(default_factory=dict)
    company: Account | None = None

    def may(self, scope: str) -> bool:
        """Whether the key has this scope."""
        return scope in (SCOPES[self.kind] if self.scopes is None else self.scopes)


class Restatement(BaseModel):
    """All numbers of one day, times `factor`; 1 takes it back, 0 empties the day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    date: date
    factor: Decimal = Field(ge=0, le=1000)


class Keys:
    """Keys by their text."""

    def __init__(self) -> None:
        self._keys: dict[str, RegisteredKey] = {}
        self._factors: dict[tuple[str, date], Decimal] = {}
        self._lock = threading.Lock()

    def register(self, key: RegisteredKey) -> None:
        """The key is known from now on; one that was known is changed."""
        with self._lock:
            self._keys[key.key] = key

    def change(self, text: str, **changes: Any) -> RegisteredKey:
        """The known key with these fields changed. Raises KeyError for an unknown one."""
        changed = RegisteredKey.model_validate(self._keys[text].model_dump() | changes)
        self.register(changed)
        return changed

    def find(self, text: str, kind: Kind) -> RegisteredKey | None:
        """The key if it is known, of that vendor and not revoked."""
        key = self._keys.get(text)
        return key if key and key.kind == kind and not key.revoked else None

    def restate(self, restatement: Restatement) -> None:
        """The day has other numbers from now on. Raises ValueError for an unknown key."""
        with self._lock:
            if restatement.key not in self._keys:
                raise ValueError("the key is not registered")
            self._factors[restatement.key, restatement.date] = restatement.factor

    def factor(self, key: RegisteredKey, day: date) -> Decimal:
        """What the day's numbers are multiplied by."""
        return self._factors.get((key.key, day), Decimal(1))

    def forget(self) -> None:
        """No key is known, no day restated."""
        with self._lock:
            self._keys.clear()
            self._factors.clear()

    def known(self) -> list[RegisteredKey]:
        """All of them."""
        return list(self._keys.values())
