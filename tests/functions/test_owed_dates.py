"""What the daily call does about runs that failed, over days: repeats them, gives them up, and tells who asked."""

import datetime as dt
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from cloudact.error_codes import Code
from cloudact.errors import Postponed, Stop
from cloudact.notify.notifications import Notification
from cloudact.notify.notifier import Notifier
from cloudact.runs.ledger import RunEvent
from cloudact.runs.load import OVER_LOAD_QUOTA
from cloudact.runs.result import HalfLoad
from cloudact.runs.run import Run, Status, TriggerType
from functions.composition import compose
from functions.schedule.giving_up import AT_ONCE, MOST, give_up
from functions.schedule.state import read_state
from tests.conftest import NOON, Local
from tests.functions.fleet import Fleet, new_fleet
from tests.functions.test_daily import days_before_noon, loaded, note

LONG_AGO = NOON - dt.timedelta(days=60)


@pytest.fixture
def fleet(local: Local) -> Fleet:
    """An org whose last week is loaded."""
    fleet = new_fleet(local)
    fleet.add(["acme"], since=LONG_AGO)
    fleet.end(
        [loaded(day, 1).model_copy(update={"requested_at": NOON - dt.timedelta(days=day - 1)}) for day in range(1, 8)]
    )
    return fleet


def a_day(fleet: Fleet, *failing: dt.date) -> list[Run]:
    """A call and the end of what it starts, well but for these dates; then it is tomorrow."""
    fleet.daily()
    runs = fleet.fire()
    fleet.end([run for run in runs if run.date in failing], Status.FAILED)
    fleet.end([run for run in runs if run.date not in failing])
    fleet.local.clock.advance(days=1)
    return runs


def days_of(runs: list[Run], date: dt.date) -> list[tuple[int, TriggerType]]:
    return [(run.generation, run.trigger_type) for run in runs if run.date == date]


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """What the log says of dates that were given up."""
    found = [getattr(record, "fields", {}) for record in caplog.records]
    return [line for line in found if line.get("event") == "dates_given_up"]


def test_a_restatement_that_fails_at_seven_days(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    """It is repeated on each of the next six days, once a day; then org and log are told, once, that it is given up."""
    date = days_before_noon(7)
    for day in range(7):
        assert days_of(a_day(fleet, date), date) == [(day + 2, TriggerType.RESTATEMENT)]
        assert lines(caplog) == []
    assert fleet.daily()["given_up"] == 1
    (line,) = lines(caplog)
    assert (line["org_slug"], line["pipeline"], line["dates"]) == ("acme", "gcp_billing", [date.isoformat()])
    for _ in range(10):
        assert fleet.daily()["given_up"] == 0
        assert days_of(a_day(fleet), date) == []
    assert len(lines(caplog)) == 1


def test_one_that_works_in_the_end(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    """It is owed no more; should it fail again later, that is a week of its own."""
    date = days_before_noon(3)
    tries = [bool(days_of(a_day(fleet, *([date] if day in (0, 1, 2, 4) else [])), date)) for day in range(8)]
    assert tries == [True, True, True, True, True, True, False, False]  # restated by the plan at 3 and 7 days
    assert lines(caplog) == []


def test_whoever_loads_it_settles_it(fleet: Fleet) -> None:
    """A run that a person asks for, of a date that is too old for any plan, ends what is owed."""
    date = days_before_noon(7)
    a_day(fleet, date)
    by_hand = {"requested_at": fleet.local.clock(), "trigger_type": TriggerType.API}
    fleet.end([loaded(7, 3).model_copy(update=by_hand)])
    assert days_of(a_day(fleet), date) == []


def test_what_others_asked_for_is_theirs(fleet: Fleet) -> None:
    """A run that failed for a person is not repeated, unless it left the day half loaded."""
    whole, half = (loaded(day, 2).model_copy(update={"trigger_type": TriggerType.API}) for day in (20, 30))
    fleet.end([whole], Status.FAILED)
    end_half_loaded(fleet, half)
    fleet.local.clock.advance(hours=1)
    fleet.daily()
    late = [run.date for run in fleet.started() if run.date < days_before_noon(7)]
    assert late == [half.date]


def end_half_loaded(fleet: Fleet, run: Run) -> None:
    """The run failed after it had replaced one of its tables."""
    error = Stop(Code.LOAD_REFUSED, "BigQuery refused the rows.")
    result = HalfLoad(replaced=("openai_usage_daily_raw",)).text
    event = RunEvent(Status.FAILED, started_at=NOON, error=error, result=result)
    fleet.ledger.append_run(run, event, fleet.local.clock())


def test_a_half_loaded_day_is_owed_first(fleet: Fleet) -> None:
    """It is the first restatement of the day, and has the first of the org's places for late dates."""
    half = days_before_noon(6)
    a_day(fleet)
    end_half_loaded(
        fleet,
        loaded(6, 2).model_copy(update={"requested_at": fleet.local.clock(), "trigger_type": TriggerType.RESTATEMENT}),
    )
    fleet.local.clock.advance(days=1)
    fleet.daily()
    restated = [run for run in fleet.started() if run.trigger_type is TriggerType.RESTATEMENT]
    assert (restated[0].date, restated[0].generation) == (half, 3)
    fleet.end(fleet.fire())
    fleet.local.clock.advance(days=1)
    assert half not in {run.date for run in a_day(fleet)}


def test_an_integration_that_works_no_more(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    """What had failed before is given up in time all the same, since nobody else would say so; also a day late."""
    date = days_before_noon(7)
    a_day(fleet, date)
    fleet.add(["acme"], status="INVALID")
    fleet.local.clock.advance(days=5)
    assert (fleet.daily()["planned"], lines(caplog)) == (0, [])
    fleet.local.clock.advance(days=4)
    assert [fleet.daily()["given_up"] for _ in range(2)] == [1, 0]
    assert [line["dates"] for line in lines(caplog)] == [[date.isoformat()]]


def test_a_late_date_that_was_given_up(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    """It is stale no more for the rows that were known then, and stale again with newer ones."""
    date = days_before_noon(30)
    fleet.end([loaded(30, 1).model_copy(update={"requested_at": NOON - dt.timedelta(days=29)})])
    a_day(fleet)
    fleet.daily()
    runs = fleet.fire()
    (look,) = (run for run in runs if run.trigger_type is TriggerType.SCHEDULE)
    fleet.end([run for run in runs if run != look])
    note(fleet, look, 30)
    fleet.local.clock.advance(days=1)
    tries = [len(days_of(a_day(fleet, date), date)) for _ in range(20)]
    assert tries == [1] * 7 + [0] * 13
    assert len(lines(caplog)) == 1
    fleet.daily()
    runs = fleet.fire()
    (look,) = (run for run in runs if run.trigger_type is TriggerType.SCHEDULE)
    note(fleet, look, 30)
    fleet.local.clock.advance(days=1)
    assert [len(days_of(a_day(fleet, date), date)) for _ in range(8)] == [1] * 7 + [0]
    assert len(lines(caplog)) == 2


def test_a_late_date_that_waits_for_a_quota(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    """It is repeated on the same day and for as long as that is so, and then given up like any other."""
    date = days_before_noon(30)
    fleet.end([loaded(30, 1).model_copy(update={"requested_at": NOON - dt.timedelta(days=29)})])
    fleet.local.clock.advance(hours=1)
    note(fleet, loaded(1, 2), 30)
    fleet.local.clock.advance(days=1)
    for _ in range(9):
        for _ in range(2):
            assert len(days_of(over_quota(fleet, date), date)) == 1
        fleet.local.clock.advance(days=1)
    assert len(days_of(a_day(fleet, date), date)) == 1
    assert (fleet.daily()["given_up"], days_of(fleet.fire(), date)) == (1, [])
    assert [line["dates"] for line in lines(caplog)] == [[date.isoformat()]]


def over_quota(fleet: Fleet, date: dt.date) -> list[Run]:
    """A call whose run of this date finds the day's load jobs used up."""
    fleet.daily()
    runs = fleet.fire()
    fleet.end([run for run in runs if run.date != date])
    event = RunEvent(Status.FAILED, started_at=NOON, error=Postponed(OVER_LOAD_QUOTA, "Too many."))
    fleet.ledger.append_runs([(run, event) for run in runs if run.date == date], fleet.local.clock())
    return runs


def test_late_dates_are_restated_a_few_a_day(fleet: Fleet) -> None:
    """Of twenty late dates six run each day, the oldest first, each exactly once, whatever calls the day has; the rest
    waits and is counted."""
    numbers = range(30, 50)
    fleet.end([loaded(day, 1).model_copy(update={"requested_at": NOON - dt.timedelta(days=29)}) for day in numbers])
    look = loaded(1, 2)
    fleet.local.clock.advance(hours=1)
    note(fleet, look, *numbers)
    ran: list[list[int]] = []
    waiting = []
    for _ in range(5):
        fleet.local.clock.advance(days=1)
        late = []
        for call in range(3):
            told = fleet.daily()
            if call == 0:
                waiting.append(told["waiting"])
            runs = fleet.fire()
            late += [(NOON.date() - run.date).days for run in runs if run.date <= days_before_noon(30)]
            fleet.end(runs)
            fleet.local.clock.advance(hours=3)
        fleet.local.clock.advance(hours=-9)
        ran.append(late)
    assert [len(late) for late in ran] == [6, 6, 6, 2, 0]
    assert waiting == [14, 8, 2, 0, 0]
    assert [max(late) for late in ran[:4]] == [49, 43, 37, 31]
    assert Counter(day for late in ran for day in late) == Counter(numbers)


def test_a_call_that_dies_before_it_records(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    """The next one tells again, under the same id, so the org hears it once."""
    date = days_before_noon(7)
    for _ in range(7):
        a_day(fleet, date)
    api = compose(fleet.settings, fleet.local.clock).schedule
    given_up = read_state(api.rows, api.ledger, api.registry, fleet.local.clock().date()).given_up
    give_up(replace(api, ledger=new_fleet(fleet.local).ledger), given_up)  # recorded where nobody looks
    assert fleet.daily()["given_up"] == 1
    assert len({line["event_id"] for line in lines(caplog)}) == 1
    assert len(lines(caplog)) == 2


def test_a_retry_that_is_newer_than_what_is_given_up(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    """A person's run that left the day half loaded goes with it; one that does so later is owed anew."""
    date = days_before_noon(7)
    for _ in range(7):
        a_day(fleet, date)
    by_hand = {"trigger_type": TriggerType.API, "requested_at": fleet.local.clock()}
    end_half_loaded(fleet, loaded(7, 9).model_copy(update=by_hand))
    fleet.local.clock.advance(hours=1)
    assert fleet.daily()["given_up"] == 1
    for _ in range(3):
        assert days_of(a_day(fleet), date) == []
    assert len(lines(caplog)) == 1
    end_half_loaded(fleet, loaded(7, 10).model_copy(update=by_hand | {"requested_at": fleet.local.clock()}))
    fleet.local.clock.advance(days=1)
    assert days_of(a_day(fleet), date) == [(11, TriggerType.RESTATEMENT)]


class Receiver(Notifier):
    """Keeps what it is told, with the number of records at that time, and can lose it all."""

    def __init__(self, fleet: Fleet, *, works: bool = True) -> None:
        self.fleet, self.works = fleet, works
        self.told: list[Notification] = []
        self.recorded: list[int] = []

    def notify(self, notification: Notification) -> bool:
        self.told.append(notification)
        if self.works:
            sql = f"SELECT 1 FROM {self.fleet.settings.dataset}.pipeline_run_events WHERE event_id LIKE '%/given_up'"
            self.recorded.append(len(self.fleet.local.query(sql)))
        return self.works


def given_up_by(fleet: Fleet, receiver: Receiver, runs: list[Run]) -> list[Notification]:
    """A call's notifications of these runs."""
    api = replace(compose(fleet.settings, fleet.local.clock).schedule, notifier=receiver)
    receiver.told = []
    give_up(api, runs)
    return receiver.told


def failed_last(days_ago: int, *, requested: int, org: str = "acme") -> Run:
    at = NOON - dt.timedelta(days=requested)
    return loaded(days_ago, 8).model_copy(update={"org_slug": org, "requested_at": at})


def test_the_next_day_tells_the_same(fleet: Fleet) -> None:
    """Where a call died before it recorded: its event has the same id and body, whatever else is given up by then."""
    receiver = Receiver(fleet, works=False)
    older = [failed_last(30, requested=2), failed_last(31, requested=2)]
    (first,) = given_up_by(fleet, receiver, older)
    fleet.local.clock.advance(days=1)
    again = given_up_by(fleet, receiver, [*older, failed_last(29, requested=1)])
    assert len(again) == 2
    assert (first.id, first.body) in {(each.id, each.body) for each in again}


def test_each_telling_is_recorded_at_once(fleet: Fleet) -> None:
    """A call that dies after many has at most as many to tell again as it tells at once."""
    receiver = Receiver(fleet)
    given_up_by(fleet, receiver, [failed_last(30, requested=1, org=f"org_{number}") for number in range(12)])
    assert sorted(receiver.recorded)[-1] >= 12 - AT_ONCE


def test_what_cannot_be_sent_holds_up_no_others(fleet: Fleet) -> None:
    """Each call begins with other orgs, so all come up where more are unreachable than a call has room for."""
    receiver = Receiver(fleet, works=False)
    runs = [failed_last(30, requested=1, org=f"org_{number}") for number in range(MOST + 200)]
    heard: set[str] = set()
    for _ in range(6):
        told = given_up_by(fleet, receiver, runs)
        assert len(told) == MOST
        heard |= {each.org_slug for each in told}
        fleet.local.clock.advance(hours=3)
    assert len(heard) == len(runs)
