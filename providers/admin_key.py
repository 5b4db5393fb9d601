"""What one vendor of an admin API is: its headers, its refusals in our words, and which key opens which of its APIs."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING

from cloudact.error_codes import Code, ErrorCode, ProviderFailure, provider_code
from cloudact.errors import CONTACT_SUPPORT, Stop
from cloudact.json_types import Json
from cloudact.orgs.org import Onboarded
from providers import http
from providers.calls import Calls
from providers.http import IN_A_JOB, IN_A_REQUEST, Patience, ProviderHttp, Query, Time
from providers.provider import CheckContext, Credential, Proof
from providers.refusals import ReadError, Refusal, read_refusal
from providers.settings import IntegrationSettings

if TYPE_CHECKING:
    import httpx

_HEADER_VALUE = re.compile(r"[\x21-\x7e]{8,1024}")


@dataclass(frozen=True)
class Door:
    """One API: the beginning of its paths, who makes the key that it needs, and what else people try to open it with.

    `misfits` says by a key's beginning what it is, the longer beginning first; a key that fits says nothing.
    """

    paths: str
    what_to_do: str
    misfits: Mapping[str, str]


@dataclass(frozen=True)
class Vendor:
    """Description of a vendor's admin API: how to ask it, and what its refusals mean.

    `id` and `name` are those of the vendor's `Provider`.

    `foreign_keys` says, by their beginning, whose keys people hand over by mistake: none of them is ever sent here.
    `read_error` finds (reason, param, message) in the `error` object of a refusal; `cheapest` is the path and the
    query, for a given today, of the call that proves a key. `doors`: the one with the longest path first.
    `key_begins` is as much of the key that is used as tells its kind, and never more.
    """

    id: str
    name: str
    doors: Sequence[Door]
    headers: Callable[[str], Mapping[str, str]]
    read_error: ReadError
    cheapest: Callable[[date], tuple[str, Query]]
    foreign_keys: Mapping[str, str] = field(default_factory=dict)
    key_begins: str = ""

    def open(
        self,
        url: str,
        key: str,
        client: "httpx.Client",
        patience: Patience = IN_A_JOB,
        calls: Calls | None = None,
        time: Time = Time(),  # noqa: B008 - it holds no state
    ) -> ProviderHttp:
        """The vendor's API with this key. Raises `Stop` for a text that cannot be a key of this vendor."""
        key = self.own_key(key)
        kinds = [beginning for door in self.doors for beginning in door.misfits if key.startswith(beginning)]
        vendor = replace(self, key_begins=max(kinds, key=len, default=""))
        return ProviderHttp(vendor, url, self.headers(key), client, patience, calls or Calls(), time)

    def own_key(self, text: str) -> str:
        """The key, without the white space that copying leaves around it."""
        key = text.strip()
        foreign = _named(key, self.foreign_keys)
        if foreign:
            raise Stop(Code.CREDENTIAL_INVALID, foreign, self.doors[-1].what_to_do)
        if not _HEADER_VALUE.fullmatch(key):
            why = f"This is no key of {self.name}: it must be one line of printable characters."
            raise Stop(Code.CREDENTIAL_INVALID, why, self.doors[-1].what_to_do)
        return key

    def check(self, api: ProviderHttp, today: date) -> None:
        """Proves that the key reads costs. Raises what `ProviderHttp.get` raises."""
        api.get(*self.cheapest(today))

    def refusal(self, status: int, body: Json) -> Refusal:
        """Reads what the body of a failed call says: any JSON value, `None` where it is not JSON."""
        return read_refusal(status, body, self.read_error)

    def explain(self, refusal: Refusal, path: str) -> tuple[ErrorCode, str, str]:
        """Code, sentence and hint of a refusal by the API at `path`."""
        says = f" It says: {refusal.message}" if refusal.message else ""
        if refusal.about_credential:
            code, why = self._why_the_key(refusal)
            return code, f"{why}{says}", self._hint(path)
        if refusal.status in (401, 403):
            message = f"{self.name} does not allow the request (HTTP {refusal.status}).{says}"
            hint = "Its words are not about the key. Try again later; if it stays so, ask the provider."
            return provider_code(self.id, ProviderFailure.NOT_ALLOWED), message, hint
        if refusal.status < 400:
            why = f"{self.name} answers with a redirect (HTTP {refusal.status}), which is not followed."
            return provider_code(self.id, ProviderFailure.REDIRECTED), why, CONTACT_SUPPORT
        message = f"{self.name} refuses the question (HTTP {refusal.status}).{says}"
        return provider_code(self.id, ProviderFailure.REFUSED), message, CONTACT_SUPPORT

    def _why_the_key(self, refusal: Refusal) -> tuple[Code, str]:
        if not refusal.about_rights:
            return Code.CREDENTIAL_REJECTED, f"{self.name} refuses the key: it is wrong, or was revoked."
        lacks = f": it lacks {', '.join(refusal.scopes)}." if refusal.scopes else "."
        return Code.PERMISSION_DENIED, f"The key may not read the organization's usage and costs{lacks}"

    def _hint(self, path: str) -> str:
        door = next((door for door in self.doors if path.startswith(door.paths)), self.doors[-1])
        misfit = _named(self.key_begins, door.misfits)
        return f"{misfit} {door.what_to_do}" if misfit else door.what_to_do


@dataclass(frozen=True)
class AdminKey:
    """A provider's credential where that is an admin key of this vendor. `ask` is the cheapest call that proves it."""

    vendor: Vendor
    ask: Callable[[ProviderHttp, date], None] | None = None

    def read(self, context: CheckContext, text: str) -> Credential:
        """The key without white space around it. Raises `Stop` for what cannot be one of this vendor's."""
        key = self._known_to(context).own_key(text)
        return Credential.of(key, key)

    def prove(self, context: CheckContext, _org: Onboarded, plaintext: bytes, _settings: IntegrationSettings) -> Proof:
        """Reads one day of costs. Raises `Stop` or `Retry`."""
        vendor = self._known_to(context)
        with http.client(IN_A_REQUEST) as client:
            api = vendor.open(context.url, plaintext.decode(), client, IN_A_REQUEST)
            (self.ask or vendor.check)(api, context.clock().date())
        return Proof()

    def _known_to(self, context: CheckContext) -> Vendor:
        return replace(self.vendor, foreign_keys=context.foreign_keys)


def _named(key: str, kinds: Mapping[str, str]) -> str | None:
    return next((why for beginning, why in kinds.items() if key.startswith(beginning)), None)
