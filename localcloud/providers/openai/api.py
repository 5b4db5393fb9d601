"""The API: who may ask, what may be asked, and the pages of the answer."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from cloudact.clock import Clock
from localcloud.company.openai import openai_day
from localcloud.providers.cursors import Cursors, Position, WrongCursor
from localcloud.providers.facts import Fact, grouped, scaled
from localcloud.providers.generated import Generated
from localcloud.providers.keys import Keys, RegisteredKey
from localcloud.providers.limits import PerMinute, seconds_left
from localcloud.providers.openai import directory, errors
from localcloud.providers.openai.costs import costs_of, costs_of_usage
from localcloud.providers.openai.reports import COSTS, USAGE, Report
from localcloud.providers.openai.results import cost_result, usage_result
from localcloud.providers.openai.usage import openai_usage
from localcloud.providers.pages import bucket_page, days_between, without_amounts
from localcloud.providers.parameters import Parameters
from localcloud.providers.refusals import Body, Refused
from localcloud.wire.listener import HttpRequest

API_KEY_FLOOR = 1764979200  # 2025-12-06: before it, costs are not known by key (langwatch#7579)
WIDTHS = {"1d": (7, 31), "1h": (24, 168), "1m": (60, 1440)}  # default and most buckets
COSTS_MOST, COSTS_SERVED = 180, 31  # more than 180 is refused, more than 31 silently cut (seen both)
COMMON = ("start_time", "end_time", "bucket_width", "limit", "page", "group_by")
Results = list[dict[str, Any]]


class OpenAI:
    """Serves the usage reports, the costs and the lists of registered keys."""

    name = "openai"

    def __init__(self, keys: Keys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock
        self._limits = PerMinute(clock)
        self._generated = Generated()

    def answer(self, request: HttpRequest) -> Body:
        """A page of a report, or of a list of the organization."""
        lists = request.verb == "GET" and directory.is_list(request.path)
        report = None if lists else _report(request)
        key = self._key(
            request.headers.get("Authorization") or "", "api.management.read" if lists else "api.usage.read"
        )
        now = self._clock()
        if end := self._limits.over(key):
            refused = errors.rate_limited(seconds_left(end, now), key.per_minute or 0)
            raise Refused(refused.status, refused.body, {**refused.headers, "Date": format_datetime(now, usegmt=True)})
        return self._page(key, _Query(report, request, key, now)) if report else directory.listed(request, key)

    def failure(self, status: int) -> Refused:
        """How OpenAI words a status."""
        return errors.by_status(status)

    def _key(self, authorization: str, scope: str) -> RegisteredKey:
        text = authorization.removeprefix("Bearer ").strip()
        if text.startswith("sk-proj-"):
            raise errors.missing_scope(scope)  # a valid key, of a project: assumed to be told so
        key = self._keys.find(text, "openai")
        if key is None:
            raise errors.invalid_key(text)
        if not key.may(scope):
            raise errors.missing_scope(scope)
        return key

    def _page(self, key: RegisteredKey, query: "_Query") -> Body:
        page = bucket_page(
            query.days, lambda day: self._grouped(key, day, query), query.position, query.buckets, key.page_results
        )
        first = query.position[1]
        buckets = []
        for day, facts in page.buckets:
            buckets.append(_bucket(day, query.results(facts, first)))
            first = 0
        cursor = query.cursor(page.following) if page.following else None
        return {"object": "page", "data": buckets, "has_more": cursor is not None, "next_page": cursor}

    def _grouped(self, key: RegisteredKey, day: date, query: "_Query") -> Sequence[Fact]:
        if day > self._clock().date():
            return []
        only = tuple((dim, tuple(values)) for dim, values in query.only.items())
        name = (self._day(key, day), query.report.name, query.by, only)
        return self._generated.get(
            name, lambda: grouped(self._facts(key, day, query.report.name), query.report.dims, query.by, query.only)
        )

    def _facts(self, key: RegisteredKey, day: date, report: str) -> list[Fact]:
        factor = self._keys.factor(key, day)

        def make() -> list[Fact]:
            if key.company:
                if report == COSTS.name:
                    return costs_of_usage(lambda usage: self._facts(key, day, usage))
                return scaled(openai_day(key.company, day, report), factor)
            if report == COSTS.name:
                return costs_of(lambda usage: self._facts(key, day, usage), factor)
            return openai_usage(key.seed, day, report, key.rows, factor)

        return self._generated.get((self._day(key, day), report), make)

    def _day(self, key: RegisteredKey, day: date) -> tuple[object, ...]:
        return key.seed, key.rows, key.company, day, self._keys.factor(key, day)


class _Query:
    """A checked question. Raises `Refused` for one that OpenAI refuses."""

    def __init__(self, report: Report, request: HttpRequest, key: RegisteredKey, now: datetime) -> None:
        self._asked = Parameters(request.query)
        self._amounts = key.amounts
        self._without_amount = key.without_amount
        self._cursors = Cursors(key.key, request.path, self._asked)
        self.report = report
        self._refuse_unknown()
        self.by = self._groups()
        self.only = self._filters()
        self.days = self._days(now)
        self.buckets = self._buckets()
        self.position = self._position()

    def results(self, facts: Sequence[Fact], first: int) -> Results:
        """Facts of one bucket, the first of which is the `first` of it."""
        if self.report is COSTS:
            found = [cost_result(fact, self.by, self._amounts, n) for n, fact in enumerate(facts, first)]
            return without_amounts(found, self._without_amount if self.by else 0)
        return [usage_result(self.report, fact) for fact in facts]

    def cursor(self, position: Position) -> str:
        """The cursor of the page that begins there."""
        return self._cursors.at(position)

    def _refuse_unknown(self) -> None:
        unknown = self._asked.beyond([*COMMON, *self.report.filters])
        if unknown:
            raise errors.invalid(f"Unknown parameter: '{unknown}'.", unknown)

    def _groups(self) -> tuple[str, ...]:
        by = tuple(self._asked.many("group_by"))
        for name in by:
            if name not in self.report.dims:
                raise errors.invalid(f"Invalid group_by '{name}' for {self.report.name}.", "group_by")
        if self.report is COSTS:
            self._refuse_costs_by(by)
        return by

    def _refuse_costs_by(self, by: Collection[str]) -> None:
        if "user_id" in by and ("project_id" in by or self._asked.many("project_ids")):
            raise errors.invalid("user_id cannot be combined with project_id for this organization.", "group_by")
        if "api_key_id" in by and self._second("start_time") < API_KEY_FLOOR:
            raise errors.before_floor(API_KEY_FLOOR)

    def _filters(self) -> Mapping[str, Collection[Any]]:
        asked = {dim: self._asked.many(name) for name, dim in self.report.filters.items()}
        truth = {"true": True, "false": False}
        return {d: [truth.get(v, v) if d == "batch" else v for v in values] for d, values in asked.items() if values}

    def _days(self, now: datetime) -> Sequence[date]:
        start = self._second("start_time")
        end = self._second("end_time") if self._asked.one("end_time") else int(now.timestamp())
        if end <= start:
            raise errors.invalid("end_time must be greater than start_time.", "end_time")
        last = datetime.fromtimestamp(end - 1, UTC).date()
        return days_between(datetime.fromtimestamp(start, UTC).date(), last + timedelta(days=1))

    def _second(self, name: str) -> int:
        text = self._asked.one(name)
        if text is None:
            raise errors.invalid(f"Missing required parameter: '{name}'.", name)
        if not text.isdigit() or len(text) > 11:
            raise errors.invalid(f"Invalid value for '{name}': expected Unix seconds.", name)
        return int(text)

    def _buckets(self) -> int:
        width = self._asked.one("bucket_width") or "1d"
        if width not in WIDTHS or (self.report is COSTS and width != "1d"):
            raise errors.invalid(f"Invalid bucket_width: '{width}'.", "bucket_width")
        default, most = WIDTHS[width]
        limit = self._limit(default)
        if limit > (COSTS_MOST if self.report is COSTS else most):
            raise errors.limit_too_high(limit, COSTS_MOST if self.report is COSTS else most)
        if width != "1d":
            raise errors.not_built(f"bucket_width {width}")
        return min(limit, COSTS_SERVED)

    def _limit(self, default: int) -> int:
        text = self._asked.one("limit")
        if text is None:
            return default
        if not text.isdigit() or not int(text):
            raise errors.invalid(f"Invalid limit provided: {text}.", "limit")
        return int(text)

    def _position(self) -> Position:
        try:
            return self._cursors.position()
        except WrongCursor as err:
            raise errors.invalid(f"Invalid page: {err}.", "page") from err


def _report(request: HttpRequest) -> Report:
    usage = USAGE.get(request.path.removeprefix("/v1/organization/usage/"))
    report = COSTS if request.path == "/v1/organization/costs" else usage
    if request.verb != "GET" or report is None:
        raise errors.unknown_url(request.verb, request.path)
    return report


def _bucket(day: date, results: Results) -> Body:
    start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    return {"object": "bucket", "start_time": start, "end_time": start + 86400, "results": results}
