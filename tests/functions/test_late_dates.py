"""Late dates: at most so many for each org and day, and each comes up."""

import datetime as dt
from collections import Counter
from dataclasses import replace

from cloudact.runs.run import Status, TriggerType
from functions.schedule.due import ScheduledPipeline, due, is_given_up, plan
from functions.schedule.late_dates import hold_back, late_dates, late_runs
from functions.schedule.run_rows import DateState, Owed, OwnFailure
from tests.functions.test_due import ENTRIES, GCP, LONG_AGO, NOW, TODAY, ago, failing, known, owed

DAY = dt.timedelta(days=1)
WEEK = [known(days) for days in range(1, 8)]


def stale(*days: int) -> frozenset[dt.date]:
    return frozenset(ago(each) for each in days)


def asked(days_ago: int, before: int) -> DateState:
    """A date that was loaded, and that the service has asked for so many days ago."""
    return known(days_ago, requested=before)


def run_late(one: ScheduledPipeline, limit: int, started: int = 0) -> list[int]:
    """How many days ago the late dates are that run."""
    (held,) = hold_back([one], {one.org_slug: limit}, {one.org_slug: started}, TODAY)
    return [(TODAY - date).days for date in late_dates(held, TODAY)]


def test_what_is_late() -> None:
    """Dates that only newer rows or a failure bring up; not the new day, missed days, or those that are restated."""
    one = owed(known(3), known(5), failing(9, 1), known(40), stale=stale(1, 3, 5, 40))
    assert [(TODAY - date).days for date in late_dates(one, TODAY)] == [5, 9, 40]
    waits = replace(failing(9, 1), postponed=True)
    assert list(late_dates(owed(*WEEK, waits), TODAY)) == []  # it had its place when it was run first


def test_an_org_has_so_many_a_day() -> None:
    """Those that the service has not run for longest come first, then the oldest; what is in batches today counts."""
    one = owed(*WEEK, *(asked(days, 30) for days in range(40, 50)), asked(60, 2), stale=stale(*range(40, 50), 60))
    assert run_late(one, 3) == [47, 48, 49]
    assert run_late(one, 3, started=2) == [49]
    assert run_late(one, 3, started=9) == run_late(one, 0) == []
    assert run_late(one, 11) == [*range(40, 50), 60]


def test_half_loaded_days_come_first() -> None:
    """Before whatever waits longer, but not on the day after one on which they were repeated in vain."""
    fresh, repeated = failing(9, 1, half=True), failing(8, 3, half=True)
    one = owed(*WEEK, asked(49, 30), fresh, repeated, failing(10, 3), stale=stale(49))
    assert [run_late(one, room) for room in (1, 2, 3, 4)] == [[9], [9, 49], [9, 10, 49], [8, 9, 10, 49]]


def test_many_half_loaded_days_hold_up_no_others() -> None:
    """Ten that keep failing, on a plan of six: two other dates have had their turn by the second day."""
    half = {ago(days): failing(days, 1, half=True) for days in range(20, 30)}
    waiting = set(stale(40, 41))
    for day in range(2):
        tried, _, half = call(TODAY + day * DAY, half, waiting, failing_dates=set(half))
        waiting -= tried
    assert waiting == set()


def call(
    today: dt.date, states: dict[dt.date, DateState], stale: set[dt.date], failing_dates: set[dt.date]
) -> tuple[set[dt.date], set[dt.date], dict[dt.date, DateState]]:
    """A day's call on a plan of six, all but the late dates being done: what was tried, what was given up, and the
    states in the evening, when these dates have failed."""
    week = {today - n * DAY: DateState(today - n * DAY, 1, Status.SUCCESS, today, today) for n in range(1, 8)}
    given_up = {date for date, known in states.items() if is_given_up(known, today)}
    states = {date: known for date, known in states.items() if date not in given_up}
    one = ScheduledPipeline("acme", GCP, LONG_AGO, week | states, frozenset(stale - given_up))
    (held,) = hold_back([one], {"acme": 6}, {}, today)
    tried = {date for date, _ in due(held, today)}
    after = dict(states)
    for date in tried:
        known = states.get(date) or DateState(date, 1, Status.SUCCESS, LONG_AGO, None)
        last = OwnFailure(known.generation + 1, TriggerType.RESTATEMENT, dt.datetime.combine(today, dt.time(6), dt.UTC))
        failed = replace(known.owed, last=last) if known.owed else Owed(today, False, last)
        bad = date in failing_dates
        status = Status.FAILED if bad else Status.SUCCESS
        after[date] = DateState(date, last.generation, status, today, today, owed=failed if bad else None)
    return tried, given_up, after


def test_a_failure_behind_a_backlog_is_tried_again() -> None:
    """Of 59 dates on a plan of six, two fail once, in passing: each is loaded in the end, and none is given up."""
    waiting = {dt.date(2026, 8, 1) + n * DAY for n in range(59)}
    states: dict[dt.date, DateState] = {}
    for day in range(12):
        fail = set(sorted(waiting)[:2]) if day == 0 else set()
        tried, given_up, states = call(TODAY + day * DAY, states, waiting, fail)
        waiting -= tried - fail
        assert given_up == set()
        assert len(tried) <= 6
    assert waiting == set()


def test_a_failure_behind_a_backlog_is_given_up_in_the_end() -> None:
    """Its last try comes when its week is over, before whatever waits; only then is it given up."""
    waiting = {dt.date(2026, 6, 1) + n * DAY for n in range(90)}
    bad = min(waiting)
    states: dict[dt.date, DateState] = {}
    story = []
    for day in range(9):
        tried, given_up, states = call(TODAY + day * DAY, states, waiting, {bad})
        waiting -= given_up | (tried - {bad})
        story.append("given up" if bad in given_up else "tried" if bad in tried else "held")
    assert story == ["tried", *["held"] * 5, "tried", "given up", "held"]


def test_the_pipelines_of_an_org_share_its_room() -> None:
    """And no other org's."""
    late = {date: asked((TODAY - date).days, 30) for date in stale(20, 21, 22)}
    states = {each.date: each for each in WEEK} | late
    found = [
        ScheduledPipeline(org, entry, LONG_AGO, states, frozenset(late))
        for org in ("acme", "bolt")
        for entry in ENTRIES
    ]
    held = list(hold_back(found, {"acme": 4, "bolt": 100}, {"bolt": 1}, TODAY))
    free = Counter(each.org_slug for each in held for _ in late_dates(each, TODAY))
    assert free == {"acme": 4, "bolt": 9}
    assert sum(len(each.held) for each in held) == 5


def test_late_runs_are_counted() -> None:
    """By org, from the runs of today, whatever is restated or missed left out."""
    one = owed(known(3), *(known(days) for days in (5, 6, 7)), known(40), stale=stale(5, 40))
    runs = plan([one], NOW)
    assert late_runs(((GCP, run) for run in runs), TODAY) == {"acme": 2}


def test_each_late_date_is_run_once_while_days_go_by() -> None:
    """Sixty dates, six a day: within ten days each has run once, and the others of the plan every day."""
    waiting, ran = set(range(60)), Counter[dt.date]()
    states: dict[dt.date, DateState] = {}
    dates = {number: dt.date(2026, 9, 1) + number * DAY for number in waiting}
    for day in range(10):
        today = TODAY + day * DAY
        week = {today - n * DAY: DateState(today - n * DAY, 1, Status.SUCCESS, today, None) for n in range(1, 8)}
        one = ScheduledPipeline("acme", GCP, LONG_AGO, week | states, frozenset(dates[each] for each in waiting))
        (held,) = hold_back([one], {"acme": 6}, {}, today)
        late = list(late_dates(held, today))
        assert len(late) == 6
        assert {today - n * DAY for n in (2, 3, 7)} <= {date for date, _ in due(held, today)}
        ran.update(late)
        waiting -= {number for number in waiting if dates[number] in late}
    assert (waiting, len(ran), set(ran.values())) == (set(), 60, {1})


def test_dates_that_keep_failing_hold_up_no_others() -> None:
    """Six dates fail every day, six more have new rows each day: those are held up on a day of last tries alone."""
    bad = {ago(days) for days in range(50, 56)}
    states = {date: replace(failing((TODAY - date).days, 0), asked_on=TODAY) for date in bad}
    waiting = {*bad}
    for day in range(1, 9):
        fresh = {TODAY - (day * 10 + 60 + n) * DAY for n in range(6)}
        waiting |= fresh
        tried, given_up, states = call(TODAY + day * DAY, states, waiting, bad)
        waiting -= given_up | (tried - bad)
        assert (tried == bad, given_up == bad) == (day == 6, day == 7), day
        assert len(tried) == 6
