"""The first generation: usage_report/messages, cost_report and usage_report/claude_code."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from cloudact.clock import Clock
from localcloud.company.anthropic import developers
from localcloud.providers.anthropic import asking, errors, usage
from localcloud.providers.anthropic.claude_code import claude_code_records
from localcloud.providers.anthropic.days import Days
from localcloud.providers.anthropic.results import cost_result, message_result
from localcloud.providers.cursors import Cursors
from localcloud.providers.facts import Fact
from localcloud.providers.keys import Keys, RegisteredKey
from localcloud.providers.pages import bucket_page, days_between, without_amounts
from localcloud.providers.parameters import Parameters
from localcloud.providers.refusals import Body

SPEED_BETA = "fast-mode-2026-02-01"
WIDTHS = {"1d": (7, 31), "1h": (24, 168), "1m": (60, 1440)}  # default and most buckets
COMMON = ("starting_at", "ending_at", "bucket_width", "limit", "page", "group_by")
COST_GROUPS = ("workspace_id", "description")
WITH_DESCRIPTION = ("cost_type", "token_type", "model", "service_tier", "context_window", "inference_geo")
FRESH = timedelta(hours=1)  # Claude Code activity is shown after that


class Reports:
    """Answers the three reports for a key."""

    def __init__(self, days: Days, keys: Keys, clock: Clock) -> None:
        self._days = days
        self._keys = keys
        self._clock = clock

    def messages(self, key: RegisteredKey, asked: Parameters, cursors: Cursors, betas: str) -> Body:
        """Token usage. `speed` is a parameter only with its beta."""
        with_speed = SPEED_BETA in betas
        dims = [dim for dim in usage.DIMS if with_speed or dim != "speed"]
        asking.refuse_unknown(asked, COMMON, dims)
        by, only = asking.groups(asked, dims), asking.filters(asked, dims)
        default = usage.workspace(key.seed, 0)
        return self._buckets(
            key, asked, cursors, _window(asked, self._clock() + timedelta(days=1)),
            lambda day: self._days.usage(key, [day], by, only),
            lambda fact: message_result(fact, default, with_speed),
        )  # fmt: skip

    def costs(self, key: RegisteredKey, asked: Parameters, cursors: Cursors, betas: str) -> Body:  # noqa: ARG002
        """Costs, of days that are over only. Grouping by description brings what it consists of."""
        asking.refuse_unknown(asked, COMMON, ())
        if asked.one("bucket_width") not in (None, "1d"):
            raise errors.invalid("bucket_width: Input should be '1d'")
        by = asking.groups(asked, COST_GROUPS)
        by += WITH_DESCRIPTION if "description" in by else ()
        days = _window(asked, self._clock())
        if not days:
            raise errors.no_complete_bucket()
        default = usage.workspace(key.seed, 0)
        page = self._buckets(
            key, asked, cursors, days,
            lambda day: self._days.costs(key, [day], by, {}, credited=True),
            lambda fact: cost_result(fact, default),
        )  # fmt: skip
        for bucket in page["data"]:
            bucket["results"] = without_amounts(bucket["results"], key.without_amount if by else 0)
        return page

    def claude_code(self, key: RegisteredKey, asked: Parameters, cursors: Cursors, betas: str) -> Body:  # noqa: ARG002
        """Records of one day, without buckets; nothing of the last hour, which here is a whole day or none of it."""
        if not key.may("claude_code"):
            raise errors.by_status(403)
        asking.refuse_unknown(asked, ("starting_at", "limit", "page"), ())
        day = _single_day(asked)
        limit, (first, _) = asking.limit(asked, 20, 1000), asking.position(cursors)
        shown = _midnight(day) + FRESH <= self._clock()
        rows = 4 * developers(key.company, day) if key.company else key.rows
        records = claude_code_records(key.seed, day, rows, self._keys.factor(key, day)) if shown else []
        following = (first + limit, 0) if first + limit < len(records) else None
        return asking.page(records[first : first + limit], cursors, following)

    def _buckets(
        self,
        key: RegisteredKey,
        asked: Parameters,
        cursors: Cursors,
        days: Sequence[date],
        facts: Callable[[date], list[Fact]],
        result: Callable[[Fact], Mapping[str, Any]],
    ) -> Body:
        found = bucket_page(days, facts, asking.position(cursors), _bucket_limit(asked), key.page_results)
        data = [_bucket(day, [result(fact) for fact in part]) for day, part in found.buckets]
        return asking.page(data, cursors, found.following)


def _window(asked: Parameters, now: datetime) -> list[date]:
    """The days asked for that were over at `now`."""
    start = asking.required_instant(asked, "starting_at")
    end = asking.instant(asked, "ending_at") or now
    if end <= start:
        raise errors.no_complete_bucket()
    first = start.date() if start == _midnight(start.date()) else start.date() + timedelta(days=1)
    return days_between(first, min(end, now).date())


def _bucket_limit(asked: Parameters) -> int:
    width = asked.one("bucket_width") or "1d"
    if width not in WIDTHS:
        raise errors.invalid("bucket_width: Input should be '1m', '1h' or '1d'")
    limit = asking.limit(asked, *WIDTHS[width])
    if width != "1d":
        raise errors.not_built(f"bucket_width {width}")
    return limit


def _single_day(asked: Parameters) -> date:
    try:
        return date.fromisoformat(asked.one("starting_at") or "")
    except ValueError:
        raise errors.invalid("starting_at: Input should be a date, YYYY-MM-DD") from None


def _bucket(day: date, results: list[Any]) -> Body:
    start = _midnight(day)
    end = start + timedelta(days=1)
    return {"starting_at": asking.rfc3339(start), "ending_at": asking.rfc3339(end), "results": results}


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
