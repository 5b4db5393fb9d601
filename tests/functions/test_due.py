"""The plan of a day: complete, without repetition, fair, and the same for the same facts."""

import datetime as dt
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cloudact.pipelines.registry import Entry, load_registry
from cloudact.runs.batch import LARGEST, MAX_MESSAGE_BYTES, Batch, batches, groups
from cloudact.runs.run import Run, Status, TriggerType
from cloudact.settings import ROOT
from functions.schedule.due import ScheduledPipeline, due, plan
from functions.schedule.run_rows import DateState, Owed, OwnFailure
from functions.schedule.state import BatchedRun, ScheduleState
from providers import PROVIDERS

NOW = dt.datetime(2026, 11, 12, 6, 0, tzinfo=dt.UTC)
TODAY = NOW.date()
LONG_AGO = dt.date(2026, 1, 1)
ENTRIES = load_registry(ROOT / "configs", PROVIDERS).entries
GCP = next(entry for entry in ENTRIES if entry.id == "gcp_billing")


def ago(days: int) -> dt.date:
    return TODAY - dt.timedelta(days=days)


def known(
    days_ago: int,
    status: Status = Status.SUCCESS,
    requested: int | None = None,
    generation: int = 1,
    *,
    by_us: bool = True,
    loaded: int | None = None,
) -> DateState:
    """A run of that date, requested so many days ago; the day after its date unless told. `loaded` is one before."""
    on = days_ago - 1 if requested is None else requested
    loaded_on = ago(on) if status is Status.SUCCESS and on < days_ago else loaded and ago(loaded)
    return DateState(ago(days_ago), generation, status, loaded_on or None, ago(on) if by_us else None)


def owed(
    *runs: DateState, since: dt.date = LONG_AGO, stale: frozenset[dt.date] = frozenset(), org: str = "acme"
) -> ScheduledPipeline:
    return ScheduledPipeline(org, GCP, since, {run.date: run for run in runs}, stale)


def dates(one: ScheduledPipeline, kind: TriggerType) -> list[int]:
    """How many days ago the due dates of that kind are."""
    return [(TODAY - date).days for date, trigger in due(one, TODAY) if trigger is kind]


def test_a_new_org_gets_yesterday_and_the_restatement_dates() -> None:
    """An org of today has missed nothing but yesterday."""
    new = owed(since=TODAY)
    assert (dates(new, TriggerType.SCHEDULE), dates(new, TriggerType.RESTATEMENT)) == ([1], [2, 3, 7])


def test_missed_days_are_caught_up() -> None:
    """Days without a complete load since the org exists are run, a week back and no further."""
    assert dates(owed(known(4), known(6)), TriggerType.SCHEDULE) == [1, 2, 3, 5, 7]
    assert dates(owed(since=ago(3)), TriggerType.SCHEDULE) == [1, 2, 3]


def test_what_is_done_or_under_way_is_left_alone() -> None:
    """A second call on the same day finds each date requested today, in whatever state, and starts nothing."""
    for status in Status:
        again = owed(*(known(days, status, requested=0) for days in range(1, 8)))
        assert list(due(again, TODAY)) == []
    flying = owed(*(known(days, Status.RUNNING) for days in range(1, 8)))
    assert list(due(flying, TODAY)) == []


def test_failures_of_earlier_days_are_tried_again() -> None:
    """What failed, was cancelled or saw an unfinished day before today is run again as a missed day."""
    runs = [
        *(known(days) for days in (2, 3, 4, 6, 7)),
        known(1, Status.SUCCESS, requested=1),
        known(5, Status.FAILED, requested=4, generation=3),
    ]
    assert dates(owed(*runs), TriggerType.SCHEDULE) == [1, 5]
    again = {run.date: run.generation for run in plan([owed(*runs)], NOW)}
    assert (again[ago(5)], again[ago(1)]) == (4, 2)


def test_what_waits_for_a_quota_is_repeated() -> None:
    """On the same day and on later ones, whatever its date; as a restatement where the date had been loaded before."""
    done = [known(days) for days in (1, 2, 3, 4, 6)]
    first = replace(known(5, Status.FAILED, requested=0), postponed=True)
    later = replace(known(8, Status.FAILED, requested=1, loaded=7, generation=2), postponed=True)
    one = owed(*done, first, later)
    assert (dates(one, TriggerType.SCHEDULE), 8 in dates(one, TriggerType.RESTATEMENT)) == ([5, 7], True)
    alone = owed(*(replace(known(days, Status.FAILED, requested=0), postponed=True) for days in range(1, 8)))
    assert dates(alone, TriggerType.SCHEDULE) == [1, 2, 3, 4, 5, 6, 7]
    flying = owed(*done, replace(first, status=Status.RUNNING, postponed=False))
    assert 5 not in dates(flying, TriggerType.SCHEDULE)


def test_stale_dates_are_restated() -> None:
    """A date whose source has newer rows is restated, however old, once a day, and never today itself."""
    stale = frozenset({ago(40), ago(5), TODAY})
    done = [known(days) for days in range(1, 8)]
    assert dates(owed(*done, known(40), stale=stale), TriggerType.RESTATEMENT) == [2, 3, 5, 7, 40]
    assert 40 not in dates(owed(*done, known(40, requested=0), stale=stale), TriggerType.RESTATEMENT)


def test_what_others_asked_for_today_keeps_nothing_back() -> None:
    """A run that failed, or was cancelled, for someone else today is followed by ours; one that works is waited for."""
    rest = [known(days) for days in range(2, 8)]
    for status, days in ((Status.FAILED, [1]), (Status.CANCELLED, [1]), (Status.RUNNING, []), (Status.SUCCESS, [])):
        asked = known(1, status, requested=0, by_us=False)
        assert dates(owed(asked, *rest), TriggerType.SCHEDULE) == days
    loaded = [known(days, requested=0, by_us=False) for days in range(1, 8)]
    assert dates(owed(*loaded), TriggerType.RESTATEMENT) == [2, 3, 7]


def test_a_restatement_that_failed_is_no_missed_day() -> None:
    """What an earlier generation has loaded stays loaded, whatever becomes of a later one."""
    shrunk = known(4, Status.FAILED, requested=1, generation=2, loaded=3)
    one = owed(shrunk, *(known(days) for days in (1, 2, 3, 5, 6, 7)))
    assert (dates(one, TriggerType.SCHEDULE), dates(one, TriggerType.RESTATEMENT)) == ([], [2, 3, 7])


def failing(days_ago: int, since: int, **facts: Any) -> DateState:
    """A date that was loaded once, and whose runs have failed since so many days ago, the last one yesterday."""
    half = facts.pop("half", False)
    state = known(days_ago, Status.FAILED, requested=1, generation=3, loaded=days_ago - 1, **facts)
    last = OwnFailure(3, TriggerType.RESTATEMENT, NOW - dt.timedelta(days=1))
    return replace(state, owed=Owed(ago(since), half, last))


def test_what_failed_is_owed() -> None:
    """A restatement that failed is repeated each day, also of a date that is too old for any plan, for a week from its
    first failure on; then it is given up."""
    done = [known(days) for days in (1, 2, 3, 4, 6, 7)]
    for days, since in ((5, 1), (5, 4), (8, 1), (13, 6), (400, 6)):
        assert days in dates(owed(*done, failing(days, since)), TriggerType.RESTATEMENT), (days, since)
    for days, since in ((14, 7), (400, 7), (400, 8)):
        assert days not in dates(owed(*done, failing(days, since)), TriggerType.RESTATEMENT), (days, since)
        late = owed(*done, failing(days, since), stale=frozenset({ago(days)}))
        assert days not in dates(late, TriggerType.RESTATEMENT)
    once = Owed(ago(8), last=OwnFailure(3, TriggerType.RESTATEMENT, NOW - dt.timedelta(days=8)))
    assert 400 in dates(owed(*done, replace(failing(400, 8), owed=once)), TriggerType.RESTATEMENT)
    never_tried = replace(failing(400, 8), owed=Owed(ago(8), half_loaded=True))
    assert 400 in dates(owed(*done, never_tried), TriggerType.RESTATEMENT)
    assert 5 not in dates(owed(*done, replace(failing(5, 1), asked_on=TODAY)), TriggerType.RESTATEMENT)
    assert 5 not in dates(owed(*done, replace(failing(5, 1), status=Status.RUNNING)), TriggerType.RESTATEMENT)


def test_a_half_loaded_day_is_the_first_of_its_kind() -> None:
    """It stands before the other dates that are owed or restated, and behind the new day."""
    found = owed(*(known(days) for days in (2, 3, 4, 7)), failing(5, 2), failing(9, 2, half=True), failing(12, 2))
    planned = [(TODAY - run.date).days for run in plan([found], NOW)]
    assert planned == [1, 6, 9, 2, 3, 5, 7, 12]


def test_what_never_works_is_tried_once_a_day() -> None:
    """As long as all has failed for a week only yesterday and the oldest half-loaded day are run."""
    failed = [known(days, Status.FAILED, requested=1) for days in range(2, 8)]
    assert [(TODAY - date).days for date, _ in due(owed(*failed), TODAY)] == [1]
    half = (failing(days, 2, half=True) for days in (5, 9, 12))
    unloaded = [replace(each, loaded_on=None) for each in half]
    assert [(TODAY - date).days for date, _ in due(owed(*failed, *unloaded), TODAY)] == [1, 12]
    works = owed(known(1, requested=0), *failed)
    assert dates(works, TriggerType.SCHEDULE) == [2, 3, 4, 5, 6, 7]


NUMBERS = st.integers(0, 40)
RUNS = st.builds(known, st.integers(1, 7), st.sampled_from(list(Status)), st.integers(0, 9), st.integers(1, 5))
OWED = st.lists(
    st.builds(
        lambda number, entry, runs: ScheduledPipeline(
            f"org_{number}", entry, LONG_AGO, {run.date: run for run in runs}
        ),
        NUMBERS,
        st.sampled_from(ENTRIES),
        st.lists(RUNS, max_size=9),
    ),
    max_size=60,
    unique_by=lambda one: (one.org_slug, one.entry.id),
)


@given(OWED)
def test_a_plan_holds_every_due_run_once(found: list[ScheduledPipeline]) -> None:
    """Each due date of each org and pipeline is planned once, under the generation after the newest."""
    planned = Counter((run.org_slug, run.pipeline, run.date, run.generation) for run in plan(found, NOW))
    expected = Counter(
        (one.org_slug, one.entry.id, date, one.runs[date].generation + 1 if date in one.runs else 1)
        for one in found
        for date, _ in due(one, TODAY)
    )
    assert planned == expected
    assert set(planned.values()) <= {1}


@given(OWED, st.integers(1, 12))
def test_no_org_waits_behind_another_s_pile(found: list[ScheduledPipeline], task_runs: int) -> None:
    """Before any org's second task stands every org's first one, and so on; each of one kind, the newest day first."""
    turns: Counter[str] = Counter()
    order = []
    for group in groups(plan(found, NOW, task_runs=task_runs), task_runs):
        turns[group[0].org_slug] += 1
        order.append(turns[group[0].org_slug])
        assert len(group) <= task_runs
        assert len({(run.org_slug, run.trigger_type) for run in group}) == 1
        assert [run.date for run in group] == sorted((run.date for run in group), reverse=True)
    assert order == sorted(order)


@given(OWED, st.integers(1, 12), st.integers(1, 9), st.data())
def test_who_goes_on_makes_the_same_batches(
    found: list[ScheduledPipeline], task_runs: int, tasks: int, data: Any
) -> None:
    """However far an earlier call has come, the rest is cut in the same places. (What never works shrinks the plan.)"""
    found = [one for one in found if Status.FAILED not in {each.status for each in one.runs.values()}]
    whole = list(batches(plan(found, NOW, task_runs=task_runs), tasks, task_runs))
    made = data.draw(st.integers(0, len(whole)))
    batched = [
        BatchedRun(batch.batch_id, index, run, begun=False)
        for batch in whole[:made]
        for index, run in enumerate(batch.runs())
    ]
    facts = ScheduleState(tuple(without(found, batched)), tuple(batched))
    rest = batches(plan(facts.pipelines, NOW, facts.turns(task_runs), task_runs), tasks, task_runs)
    assert list(rest) == whole[made:]
    assert list(facts.unstarted(task_runs)) == whole[:made]


@given(
    st.lists(st.lists(st.booleans(), min_size=1, max_size=9), min_size=1, max_size=9), st.integers(1, 4), st.booleans()
)
def test_what_is_left_of_tasks_at_work(orgs: list[list[bool]], task_runs: int, begun: bool) -> None:
    """Of a batch that has begun altogether, the runs of each task that have not ended; of any other nothing."""
    ends = [ended for days in orgs for ended in days]
    runs = [
        run_of(f"org_{number}", ENTRIES[0]).model_copy(update={"date": TODAY - dt.timedelta(days=day)})
        for number, days in enumerate(orgs)
        for day in range(len(days))
    ]
    batch = Batch.of(runs, task_runs)
    batched = [
        BatchedRun(batch.batch_id, index, run, begun=begun or index > 0, ended=ends[index])
        for index, run in enumerate(runs)
    ]
    of_tasks = [days[first : first + task_runs] for days in orgs for first in range(0, len(days), task_runs)]
    left = [len(task) - sum(task) for task in of_tasks if not all(task)]
    facts = ScheduleState((), tuple(batched))
    assert list(facts.at_work(task_runs)) == (left if begun else [])
    assert list(facts.unstarted(task_runs)) == ([] if begun else [batch])


def without(found: list[ScheduledPipeline], batched: list[BatchedRun]) -> list[ScheduledPipeline]:
    """The same orgs, and the ledger knows that these runs are PENDING since today."""
    done = []
    for one in found:
        mine = [each.run for each in batched if (each.run.org_slug, each.run.pipeline) == (one.org_slug, one.entry.id)]
        pending = {
            run.date: DateState(run.date, run.generation, Status.PENDING, _loaded(one, run), TODAY) for run in mine
        }
        done.append(replace(one, runs={**one.runs, **pending}))
    return done


def _loaded(one: ScheduledPipeline, run: Run) -> dt.date | None:
    return one.runs[run.date].loaded_on if run.date in one.runs else None


@given(OWED, st.randoms())
def test_the_same_facts_give_the_same_batches(found: list[ScheduledPipeline], random: Any) -> None:
    """Whatever the order in which the facts are read, the batches and their ids are the same."""
    shuffled = sorted(found, key=lambda one: (one.org_slug, one.entry.id))
    random.shuffle(found)
    ids = [
        [batch.batch_id for batch in batches(plan(sorted(each, key=lambda one: (one.org_slug, one.entry.id)), NOW))]
        for each in (found, shuffled)
    ]
    assert ids[0] == ids[1]


def run_of(org: str, entry: Entry) -> Any:
    (first, *_) = plan([ScheduledPipeline(org, entry, LONG_AGO, {})], NOW)
    return first


def test_a_batch_carries_its_runs() -> None:
    """A batch of 200 runs with the longest names fits an environment variable, and gives back each run by its index."""
    runs = [run_of(f"{number:03d}{'x' * 47}", ENTRIES[number % 3]) for number in range(450)]
    found = list(batches(runs))
    assert [(len(batch.items), batch.tasks) for batch in found[1:]] == [(LARGEST, (1,) * LARGEST), (50, (1,) * 50)]
    text = found[0].model_dump_json()
    assert len(text.encode()) < MAX_MESSAGE_BYTES
    assert Batch.model_validate_json(text).runs() == runs[:LARGEST]
    assert [Batch.model_validate_json(text).of_task(index) for index in (0, 199)] == [[runs[0]], [runs[199]]]


def test_a_task_of_a_batch_has_runs_of_one_org() -> None:
    """Each task finds its own, a batch of before this was so has a run a task, and sizes of other runs are refused."""
    orgs = [ScheduledPipeline(org, entry, ago(1), {}) for org in ("acme", "bolt") for entry in ENTRIES]
    runs = plan(orgs, NOW, task_runs=5)
    (batch,) = batches(runs, 20, 5)
    assert batch.tasks == (3, 3, 5, 5, 4, 4)
    assert [run for index in range(6) for run in batch.of_task(index)] == batch.runs() == runs
    older = Batch.model_validate(batch.model_dump() | {"sizes": ()})
    assert older.of_task(4) == [runs[4]]
    with pytest.raises(ValidationError, match="sizes are of 23 runs, and there are 24"):
        Batch.model_validate(batch.model_dump() | {"sizes": (3, 20)})
