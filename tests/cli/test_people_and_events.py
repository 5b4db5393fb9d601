"""`members`, `timeline` and `deliveries` against the real endpoints, and how they look on a terminal."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Response

from cli.timeline import KINDS, SAID
from cloudact.notify.event_log import Delivery, EventLog, PostFailure, Posts
from cloudact.notify.notifications import Event, Notification
from functions.orgs.timeline_pages import TimelineKind
from localcloud.onboarding import OnboardedOrg, add_member
from tests.cli.conftest import Shell, Stub
from tests.conftest import NOON, Local
from tests.functions.test_timeline import ALL, org

__all__ = ["org"]

TERMINAL = {"FORCE_COLOR": "1", "TERM": "xterm", "NO_COLOR": "1"}
LONG = "https://idp.example/users/" + "x" * 102


def lines(shell: Shell, *arguments: str, columns: int = 80) -> list[str]:
    """What a terminal of so many columns shows."""
    done = shell(*arguments, COLUMNS=str(columns), **TERMINAL)
    assert done.exit_code == 0, done.output
    return str(done.stdout).splitlines()


def test_members(customer: Shell, local: Local, org: OnboardedOrg) -> None:
    """Members with their roles, page after page; a long id is folded, and no line is wider than the screen."""
    add_member(local.settings, org.org_slug, LONG, "admin")
    *_, told, cursor = customer("members", "--limit", "1").stdout.split()
    assert told == "--cursor"
    (second,) = customer.json("members", "--cursor", cursor)["members"]
    assert (second["user_id"], second["role"]) == (LONG, "admin")
    shown = lines(customer, "members")
    assert max(map(len, shown)) <= 80
    assert shown[0].split() == ["ROLE", "SINCE", "MEMBER"]
    assert LONG in "".join(line[shown[0].index("MEMBER") :] for line in shown)
    assert customer("members", "--cursor", "x").exit_code == 3


def test_the_timeline(customer: Shell, org: OnboardedOrg) -> None:
    """Everything in words, the newest first, filtered by kind and day, page after page; it fits 80 columns."""
    shown = customer("timeline", "--limit", "100").stdout.splitlines()
    assert len(shown) == len(ALL) + 1
    for told in (
        "FAILED gcp_billing 2026-11-10 credential_rejected",
        "SUCCESS gcp_billing 2026-11-05 +2 rows +3.71 USD",
        "quota reached 6 of 6 runs of 2026-11-12",
        "dates given up gcp_billing 2026-09-01, 2026-09-02",
        "budget threshold <b>all</b>: 810 of 1000 USD in 2026-11",
        "invalid INVENTED the reader ffffffffffffffff",
        f"key revoked {org.org_slug}_api_aaaa aaaaaaaaaaaaaaaa",
    ):
        assert any(told in " ".join(line.split()) for line in shown), told
    narrow = lines(customer, "timeline")
    assert max(map(len, narrow)) <= 80
    two = customer.json("timeline", "--kind", "run", "--kind", "QUOTA", "--limit", "1")
    assert [each["kind"] for each in two["entries"]] == ["run"]
    rest = customer("timeline", "--kind", "run", "--kind", "quota", "--cursor", two["next_cursor"]).stdout
    assert ("quota reached" in rest, "FAILED" in rest, "There are more" in rest) == (True, False, False)
    assert customer("timeline", "--end-date", "2026-01-01").stdout == "Nothing matches.\n"
    assert customer("timeline", "--kind", "runs").exit_code == 3
    assert ([*KINDS], {*SAID} - {*Event}) == ([*TimelineKind], set())


def test_each_event_has_its_sentence(stub: Callable[..., tuple[Stub, Shell]]) -> None:
    """What is unusual, spent, expected or left, by its amounts; an event that is not known yet by its plain fields."""
    cost = {"currency": "USD", "spent": "81", "budget": "100", "amount": "9", "expected": "3", "forecast": None}
    events = {
        "cost_anomaly": {"of": {"key": {"provider": "gcp", "service": "S1"}}, "since": "2026-11-10", "cost": cost},
        "cost_fell": {"pipeline": "gcp_billing", "date": "2026-11-10", "run_id": "r1"},
        "budget_forecast": {
            "budget": {"name": "all"}, "month": "2026-11", "cost": cost | {"forecast": {"amount": "120"}},
        },
        "budget_threshold": {"budget": {}, "month": "2026-11", "cost": cost},
        "balance_low": {
            "provider": "openai", "days_left": 6, "balance": {"left": "61", "amount": "500", "currency": "USD"},
        },
        "dates_given_up": {"pipeline": "gcp_billing", "dates": [f"2026-09-0{day}" for day in range(1, 5)]},
        "comet_seen": {"tail_km": 7, "orbit": {"days": 1}, "name": "Halley"},
    }  # fmt: skip
    none: dict[str, Any] = {"id": "e", "at": NOON.isoformat(), "kind": "anomaly", "run": None, "credential": None}
    entries = [none | {"event": {"type": kind, "data": data}} for kind, data in events.items()]
    body = {"org_slug": "acme", "entries": entries, "next_cursor": None}
    _, shell = stub([Response(json.dumps(body), content_type="application/json")])
    shown = [line.split("anomaly  ", 1)[1] for line in shell("timeline").stdout.splitlines()[1:]]
    assert [" ".join(line.split()) for line in shown] == [
        "cost anomaly gcp / S1 2026-11-10: 9 instead of 3 USD",
        "cost fell gcp_billing 2026-11-10 r1",
        "budget forecast all: 120 of 100 USD in 2026-11",
        "budget threshold ?: 81 of 100 USD in 2026-11",
        "balance low openai: 61 of 500 USD, 6 days left",
        "dates given up gcp_billing 2026-09-01 … 2026-09-04 (4)",
        "comet seen tail km 7, name Halley",
    ]


def test_deliveries(customer: Shell, local: Local, org: OnboardedOrg) -> None:
    """What became of each event, with the receiver's answer and the next post; it fits 80 columns."""
    for kind, failure, status in (
        (Event.INTEGRATION_INVALID, PostFailure.REFUSED, 503),
        (Event.BUDGET_THRESHOLD, PostFailure.UNREACHABLE, None),
    ):
        event = Notification(kind, org.org_slug, "d", NOON - timedelta(minutes=2), {})
        log = EventLog(local.warehouse, local.clock)
        log.told(event, Delivery.QUEUED)
        posts = Posts(12, NOON, status, failure, NOON + timedelta(hours=1))
        log.looked(org.org_slug, event.id, event.event, event.created_at, Delivery.GIVEN_UP, posts)
    words = [" ".join(line.split()) for line in customer("deliveries").stdout.splitlines()]
    assert any("integration_invalid given up 12 HTTP 503" in line for line in words)
    assert any("budget_threshold given up 12 unreachable" in line for line in words)
    assert max(map(len, lines(customer, "deliveries"))) <= 80
    assert len(customer.json("deliveries", "--limit", "1")["deliveries"]) == 1


def test_what_has_not_happened(shell: Shell, new_org: Any) -> None:
    """An org in which nothing has happened yet is told so."""
    other = shell.of(new_org())
    assert other("timeline").stdout == "Nothing has happened yet.\n"
    assert "Nothing was to be posted in the last thirty days." in other("deliveries").stdout


@pytest.mark.parametrize("command", ["members", "timeline", "deliveries"])
def test_a_narrow_terminal(customer: Shell, command: str) -> None:
    """Columns are left out, and it is said which; no line is wider than the screen."""
    shown = lines(customer, command, columns=60)
    assert max(map(len, shown)) <= 60
    assert ("(left out: " in shown[-1]) is (command != "members")
