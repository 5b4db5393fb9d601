"""Late dates: at most so many for each org and day, and each comes up."""

import datetime as dt
from collections import Counter
from dataclasses import replace

from cloudact.runs.run import Status, TriggerType
from functions.schedule.due import ScheduledPipeline, due, plan
from functions.schedule.late_dates import hold_back, late_dates, late_runs
from functions.schedule.run_rows import DateState
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
    """Before whatever waits longer."""
    one = owed(*WEEK, asked(49, 30), failing(9, 3, half=True), failing(10, 3), stale=stale(49))
    assert [run_late(one, room) for room in (1, 2, 3)] == [[9], [9, 49], [9, 10, 49]]


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
    """Six dates fail every day, six more have new rows: by the second day all have had their turn."""
    broken = {ago(days): replace(failing(days, 1), asked_on=ago(1)) for days in range(50, 56)}
    fresh = {ago(days): asked(days, 20) for days in range(30, 36)}
    states = {each.date: each for each in WEEK} | broken | fresh
    one = ScheduledPipeline("acme", GCP, LONG_AGO, states, frozenset({*broken, *fresh}))
    assert set(run_late(one, 6)) == set(range(30, 36))
    assert all(trigger is TriggerType.RESTATEMENT for date, trigger in due(one, TODAY) if date in {*broken, *fresh})
