"""What one vendor of an admin API is: its headers, its refusals in our words, and which keys are not its own."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from cloudact.errors import Stop
from cloudact.providers.http import IN_A_JOB, Patience, ProviderHttp, Query, Refusal

if TYPE_CHECKING:
    import httpx

_HEADER_VALUE = re.compile(r"[\x21-\x7e]{8,1024}")


@dataclass(frozen=True)
class Vendor:
    """`foreign_keys` says, by their beginning, whose keys people hand over by mistake: none of them is ever sent here.
    `weaker_keys` are its own keys that can do less; they are sent, and named where they are refused.

    `read_error` finds (reason, param, message) in the `error` object of a refusal; `cheapest` is the path and the
    query, for a given today, of the call that proves a key.
    """

    name: str
    what_to_do: str
    foreign_keys: Mapping[str, str]
    weaker_keys: Mapping[str, str]
    headers: Callable[[str], Mapping[str, str]]
    read_error: Callable[[Mapping[str, Any]], tuple[Any, Any, Any]]
    cheapest: Callable[[date], tuple[str, Query]]

    @property
    def code(self) -> str:
        """The beginning of our error codes for it."""
        return self.name.lower()

    def open(
        self,
        url: str,
        key: str,
        client: "httpx.Client",
        patience: Patience = IN_A_JOB,
        tick: Callable[[], None] = lambda: None,
    ) -> ProviderHttp:
        """The vendor's API with this key. Raises `Stop` for a text that cannot be a key of this vendor."""
        key = self.own_key(key)
        weaker = _named(key, self.weaker_keys)
        vendor = replace(self, what_to_do=f"{weaker} {self.what_to_do}") if weaker else self
        return ProviderHttp(vendor, url, self.headers(key), client, patience, tick)

    def own_key(self, text: str) -> str:
        """The key, without the white space that copying leaves around it."""
        key = text.strip()
        foreign = _named(key, self.foreign_keys)
        if foreign:
            raise Stop("credential_invalid", foreign, self.what_to_do)
        if not _HEADER_VALUE.fullmatch(key):
            why = f"This is no key of {self.name}: it must be one line of printable characters."
            raise Stop("credential_invalid", why, self.what_to_do)
        return key

    def check(self, api: ProviderHttp, today: date) -> None:
        """Proves that the key reads costs. Raises what `ProviderHttp.get` raises."""
        api.get(*self.cheapest(today))

    def refusal(self, status: int, body: Any) -> Refusal:
        """What the body of a failed call says; any body at all."""
        error = body.get("error") if isinstance(body, dict) else None
        found = error if isinstance(error, dict) else {}
        reason, param, message = self.read_error(found)
        return Refusal(status, str(reason or ""), str(param or ""), str(message or ""), vendors_own=bool(found))

    def explain(self, refusal: Refusal) -> tuple[str, str, str]:
        """Code, sentence and hint of a refusal."""
        says = f" It says: {refusal.message}" if refusal.message else ""
        if refusal.status == 401:
            why = f"{self.name} refuses the key: it is wrong, or was revoked.{says}"
            return "credential_rejected", why, self.what_to_do
        if refusal.status == 403:
            return (
                "permission_denied",
                f"The key may not read the organization's usage and costs.{says}",
                self.what_to_do,
            )
        if refusal.status < 400:
            why = f"{self.name} answers with a redirect (HTTP {refusal.status}), which is not followed."
            return f"{self.code}_redirected", why, "Please contact support."
        message = f"{self.name} refuses the question (HTTP {refusal.status}).{says}"
        return f"{self.code}_refused", message, "Please contact support."


def _named(key: str, kinds: Mapping[str, str]) -> str | None:
    return next((why for beginning, why in kinds.items() if key.startswith(beginning)), None)
