"""The API: which path is whose, which headers it needs, who may ask.

Assumed where Anthropic is silent: without its beta header the analytics do not exist (404); the first generation
takes a key only in `x-api-key`, the analytics also as a bearer token, and there a key of Claude Enterprise too.
"""

from email.message import Message
from email.utils import format_datetime

from cloudact.clock import Clock
from localcloud.providers.anthropic import directory, errors
from localcloud.providers.anthropic.analytics import Analytics
from localcloud.providers.anthropic.days import Days
from localcloud.providers.anthropic.reports import Reports
from localcloud.providers.anthropic.usage import organization
from localcloud.providers.cursors import Cursors
from localcloud.providers.keys import Keys, RegisteredKey
from localcloud.providers.limits import PerMinute
from localcloud.providers.parameters import Parameters
from localcloud.providers.refusals import Body, Refused
from localcloud.wire.listener import HttpRequest

ROOT = "/v1/organizations/"
VERSION = "2023-06-01"
ANALYTICS_BETA = "analytics-usage-cost-2026-08-24"


class Anthropic:
    """Serves the reports and the lists of registered keys."""

    name = "anthropic"

    def __init__(self, keys: Keys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock
        self._limits = PerMinute(clock)
        days = Days(keys, clock)
        reports, analytics = Reports(days, keys, clock), Analytics(days, clock)
        self._reports = {
            "usage_report/messages": reports.messages,
            "cost_report": reports.costs,
            "usage_report/claude_code": reports.claude_code,
        }
        self._analytics = {"analytics/usage": analytics.usage, "analytics/cost": analytics.costs}

    def answer(self, request: HttpRequest) -> Body:
        """A page of a report or of a list, or who the organization is."""
        name = request.path.removeprefix(ROOT)
        known = name == "me" or name in {*self._reports, *self._analytics, *directory.LISTS}
        if request.verb != "GET" or not request.path.startswith(ROOT) or not known:
            raise errors.by_status(404)
        return self._analysed(name, request) if name in self._analytics else self._reported(name, request)

    def failure(self, status: int) -> Refused:
        """How Anthropic words a status."""
        return errors.by_status(status)

    def _reported(self, name: str, request: HttpRequest) -> Body:
        key = self._admin_key(request.headers.get("x-api-key"))
        version = request.headers.get("anthropic-version")
        if version != VERSION:
            said = "anthropic-version: header is required" if version is None else f'"{version}" is not a valid version'
            raise errors.invalid(said)
        if name == "me":
            return {"id": organization(key.seed), "type": "organization", "name": f"Organization {key.seed}"}
        asked = Parameters(request.query)
        if name in directory.LISTS:
            return directory.listed(name, key, asked)
        return self._reports[name](key, asked, Cursors(key.key, request.path, asked), _betas(request.headers))

    def _analysed(self, name: str, request: HttpRequest) -> Body:
        bearer = (request.headers.get("Authorization") or "").removeprefix("Bearer ")
        key = self._known(request.headers.get("x-api-key") or bearer)
        if ANALYTICS_BETA not in _betas(request.headers):
            raise errors.by_status(404)
        if not key.may("read:analytics"):
            raise errors.missing_scopes(["api:admin"], "read:analytics")
        asked = Parameters(request.query)
        return self._analytics[name](key, asked, Cursors(key.key, request.path, asked))

    def _admin_key(self, text: str | None) -> RegisteredKey:
        if text and text.startswith("sk-ant-api"):
            raise errors.by_status(403)  # the key of a workspace, whether or not it exists
        key = self._known(text)
        if not key.may("org:admin"):
            raise errors.by_status(403)
        return key

    def _known(self, text: str | None) -> RegisteredKey:
        key = self._keys.find(text or "", "anthropic")
        if key is None and text and text.startswith("sk-ant-api"):
            raise errors.missing_scopes([], "read:analytics")
        if key is None:
            raise errors.by_status(401)
        if end := self._limits.over(key):
            refused = errors.rate_limited(end, key.per_minute or 0)
            date = {"Date": format_datetime(self._clock(), usegmt=True)}
            raise Refused(refused.status, refused.body, {**refused.headers, **date})
        return key


def _betas(headers: Message) -> str:
    return ",".join(headers.get_all("anthropic-beta") or [])
