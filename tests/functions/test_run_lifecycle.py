"""Whatever clients, jobs, the sweep and the calendar do, and in whichever order: runs are what a plain model says."""

import datetime as dt
import itertools
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from werkzeug.test import TestResponse

from cloudact import clients
from cloudact.error_codes import stored_code
from cloudact.errors import Stop
from cloudact.runs.ledger import RunEvent, StepEvent
from cloudact.runs.load import AlreadySettled, Outcome, RunLoad
from cloudact.runs.run import Run, Status, TriggerType, run_id
from functions.composition import compose
from functions.routes import public_app
from functions.schedule.sweep import sweep
from jobs.claim import claim
from jobs.container import Execution
from tests.conftest import Local, NewOrgs, billing_run
from tests.jobs.empty_days import empty_part

LIMIT = 3
BASE = dt.datetime(2027, 3, 1, 9, tzinfo=dt.UTC)
DAYS_APART = itertools.count(0, 100)  # no example's sweep sees the runs of another, or of another test
LOOKED_BACK = dt.timedelta(days=7)
ANY = st.integers(0, 99)


@dataclass
class Modelled:
    """A run as the specification sees it."""

    run_id: str
    date: dt.date
    generation: int
    requested_at: dt.datetime
    trigger_type: TriggerType
    force_refresh: bool
    last_event_at: dt.datetime
    status: Status = Status.PENDING
    started_at: dt.datetime | None = None
    enqueued: int = 1
    queued: bool = True
    claimed: bool = False
    loaded: bool = False
    fenced: bool = False

    @property
    def day(self) -> dt.date:
        return self.requested_at.date()


class Lifecycle(RuleBasedStateMachine):
    """One fresh org, its clients, its jobs and the sweep."""

    def __init__(self, local: Local, new_org: NewOrgs) -> None:
        super().__init__()
        self.local = local
        local.clock.now = BASE + dt.timedelta(days=next(DAYS_APART))
        today = local.clock().date()
        self.dates = [today - dt.timedelta(days=n) for n in range(3)]  # the first is provisional
        self.org = new_org(daily_limit=LIMIT)
        self.api = compose(local.settings, local.clock)
        self.app = public_app(self.api)
        self.client = self.app.test_client()
        self.runs: list[Modelled] = []

    # What the model says

    def latest(self, date: dt.date) -> Modelled | None:
        return max((run for run in self.runs if run.date == date), key=lambda run: run.generation, default=None)

    def counted(self, day: dt.date) -> int:
        return sum(run.day == day for run in self.runs)

    def some(self, *statuses: Status) -> list[Modelled]:
        return [run for run in self.runs if run.status in statuses]

    def admitted(self, date: dt.date, trigger_type: TriggerType, force: bool) -> int:
        """The status of asking for the next generation; remembers it where it is admitted."""
        now, before = self.local.clock(), self.latest(date)
        if self.counted(now.date()) >= LIMIT:
            return 429
        generation = before.generation + 1 if before else 1
        new = run_id(self.org.org_slug, "gcp_billing", date, generation)
        self.runs.append(Modelled(new, date, generation, now, trigger_type, force, last_event_at=now))
        return 202

    def triggered(self, date: dt.date, force: bool) -> int:
        before = self.latest(date)
        if before is None or before.status in (Status.FAILED, Status.CANCELLED):
            return self.admitted(date, TriggerType.API, force)
        if before.status is Status.SUCCESS and (force or before.day <= date):
            return self.admitted(date, TriggerType.API, force)
        return 200

    def settled(self, run: Modelled, otherwise: Status) -> None:
        run.status = Status.SUCCESS if run.loaded else otherwise
        run.fenced = not run.loaded

    # What happens

    @rule(n=st.integers(0, 2), force=st.booleans())
    def trigger(self, n: int, force: bool) -> None:
        """A client asks for a run."""
        self._trigger(self.dates[n], force)

    @precondition(lambda self: self.runs)
    @rule(force=st.booleans())
    def trigger_again(self, force: bool) -> None:
        """A client asks once more for what was asked for last."""
        self._trigger(self.runs[-1].date, force)

    @precondition(lambda self: self.runs)
    @rule(n=ANY)
    def cancel(self, n: int) -> None:
        """A client cancels any run there is."""
        run = self.runs[n % len(self.runs)]
        refused = run.status.final or run.loaded
        assert self._post(f"{self.org.org_slug}/runs/{run.run_id}/cancel").status_code == (409 if refused else 202)
        if not refused:
            self.settled(run, Status.CANCELLED)
            run.queued = False

    @precondition(lambda self: self.runs)
    @rule(n=ANY)
    def retry(self, n: int) -> None:
        """A client retries any run there is."""
        run = self.runs[n % len(self.runs)]
        answer = self._post(f"{self.org.org_slug}/runs/{run.run_id}/retry")
        if run.status not in (Status.FAILED, Status.CANCELLED) or self.latest(run.date) is not run:
            assert answer.status_code == 409
            return
        assert answer.status_code == self.admitted(run.date, TriggerType.RETRY, run.force_refresh)
        assert answer.get_json().get("run_id") in (None, self.latest(run.date).run_id)  # type: ignore[union-attr]

    @precondition(lambda self: any(run.queued for run in self.runs))
    @rule(n=ANY)
    def a_task_fires_in_vain(self, n: int) -> None:
        """Cloud Run accepts the run, and no container ever comes of it."""
        queued = [run for run in self.runs if run.queued]
        self._fire(queued[n % len(queued)])

    @precondition(lambda self: self.some(Status.PENDING))
    @rule(n=ANY)
    def job_dies_before_it_speaks(self, n: int) -> None:
        """A container claims its run and dies before it can say so."""
        run = self._one_of(n, Status.PENDING)
        self._fire(run)
        self._claim(run)

    @precondition(lambda self: self.some(Status.PENDING))
    @rule(n=ANY)
    def job_starts(self, n: int) -> None:
        """A task fires, and its container claims the run and says so."""
        run = self._one_of(n, Status.PENDING)
        self._fire(run)
        run.started_at = self._claim(run)
        run.status = Status.RUNNING
        self._tell(run, Status.RUNNING)

    @precondition(lambda self: self.some(Status.RUNNING))
    @rule(n=ANY)
    def job_loads(self, n: int) -> None:
        """A container loads its day."""
        run = self._one_of(n, Status.RUNNING)
        assert self._load(run) == 0
        run.loaded = True

    @precondition(lambda self: self.some(Status.RUNNING))
    @rule(n=ANY)
    def job_shows_life(self, n: int) -> None:
        """A container tells of its progress."""
        run = self._one_of(n, Status.RUNNING)
        now = run.last_event_at = self.local.clock()
        event = StepEvent(0, "load", "bigquery_load", Status.RUNNING, 0, now.isoformat(), progress="On it.")
        self.local.ledger.append_step(self._run(run), event, now)

    @precondition(lambda self: self.some(Status.RUNNING))
    @rule(n=ANY, well=st.booleans())
    def job_ends(self, n: int, well: bool) -> None:
        """A container ends, well or not; what it tells is what became of its load."""
        run = self._one_of(n, Status.RUNNING)
        if well and not run.loaded:
            assert self._load(run) == 0
            run.loaded = True
        wish = Outcome(Status.FAILED, error=Stop(stored_code("x"), "It failed."), at=self.local.clock())
        outcome = RunLoad(self.local.warehouse, run.run_id).settle(wish, tick=lambda: None)
        self.settled(run, Status.FAILED)
        assert outcome.status is run.status
        self._tell(run, run.status)

    @precondition(lambda self: any(run.fenced for run in self.runs))
    @rule(n=ANY)
    def job_comes_too_late(self, n: int) -> None:
        """A container of a run that was settled tries to load all the same."""
        fenced = [run for run in self.runs if run.fenced]
        with pytest.raises(AlreadySettled):
            self._load(fenced[n % len(fenced)])

    @rule(minutes=st.sampled_from([0, 5, 10, 15]))
    def sweep(self, minutes: int) -> None:
        """Time passes, and the sweep looks; looking again at once finds nothing."""
        self.local.clock.advance(minutes=minutes)
        expected = self._swept()
        assert self._sweep() == expected
        assert self._sweep() == {what: set() for what in expected} | {"waiting": expected["waiting"]}

    @rule()
    def the_day_changes(self) -> None:
        """Tomorrow, nine o'clock."""
        tomorrow = self.local.clock() + dt.timedelta(days=1)
        self.local.clock.now = tomorrow.replace(hour=9, minute=0)

    # What must be true after each

    @invariant()
    def the_list_is_the_model(self) -> None:
        """The org's list has each run once, with the model's status."""
        listed = self._get("?limit=100").get_json()["runs"]
        told = sorted((r["run_id"], r["status"], r["generation"], r["trigger_type"]) for r in listed)
        assert told == sorted((r.run_id, str(r.status), r.generation, str(r.trigger_type)) for r in self.runs)

    @invariant()
    def the_detail_is_the_model(self) -> None:
        """So has the detail of the newest run."""
        if self.runs:
            assert self._get(f"/{self.runs[-1].run_id}").get_json()["status"] == self.runs[-1].status

    @invariant()
    def the_quota_is_the_model(self) -> None:
        """Every admitted run counts on its day, however it ended, and there are never more tasks than slots."""
        sql = f"SELECT * FROM organizations.org_usage_quotas WHERE org_slug = '{self.org.org_slug}'"
        rows = [row for row in self.local.query(sql) if row["pipelines_today"]]  # today has one in any case
        counted = {row["usage_date"]: row["pipelines_today"] for row in rows}
        assert counted == {run.day: self.counted(run.day) for run in self.runs}
        assert all(count <= LIMIT for count in counted.values())

    @invariant()
    def the_queue_is_the_model(self) -> None:
        """Only runs that wait have a task, each one, and a day has never more tasks than slots."""
        owners = [self.api.runs.queue.owner(task) for task in self._tasks()]
        assert sorted(map(str, owners)) == sorted(run.run_id for run in self.runs if run.queued)

    # How it is done

    def _trigger(self, date: dt.date, force: bool) -> None:
        body = {"date": date.isoformat(), "force_refresh": force}
        answer = self._post(f"run/{self.org.org_slug}/gcp/cost/billing", json=body)
        expected = self.triggered(date, force)
        assert answer.status_code == expected, answer.get_json()
        if expected != 429:
            run = self.latest(date)
            assert run is not None
            assert (answer.get_json()["run_id"], answer.get_json()["status"]) == (run.run_id, run.status)

    def _post(self, path: str, **options: Any) -> TestResponse:
        return self.client.post(f"/api/v1/pipelines/{path}", headers={"X-API-Key": self.org.api_key}, **options)

    def _get(self, path: str) -> TestResponse:
        address = f"/api/v1/pipelines/{self.org.org_slug}/runs{path}"
        return self.client.get(address, headers={"X-API-Key": self.org.api_key})

    def _one_of(self, n: int, status: Status) -> Modelled:
        return self.some(status)[n % len(self.some(status))]

    def _run(self, run: Modelled) -> Run:
        changes = {"generation": run.generation, "requested_at": run.requested_at, "trigger_type": run.trigger_type}
        return billing_run(self.org, run.date, force_refresh=run.force_refresh, **changes)

    def _tell(self, run: Modelled, status: Status) -> None:
        now = run.last_event_at = self.local.clock()
        error = Stop(stored_code("x"), "It failed.") if status is Status.FAILED else None
        rows = 0 if status is Status.SUCCESS else None
        event = RunEvent(status, started_at=run.started_at, execution="r", execution_tasks=2, rows=rows, error=error)
        self.local.ledger.append_run(self._run(run), event, now)

    def _load(self, run: Modelled) -> int:
        with TemporaryDirectory() as folder:
            load = RunLoad(self.local.warehouse, run.run_id)
            part = empty_part(self.local, self.org.org_slug, "gcp_billing_daily_raw", Path(folder) / "day.parquet")
            return load.load([part], run.date, tick=lambda: None)

    def _claim(self, run: Modelled) -> dt.datetime:
        """When the run first started; every container is the same execution's."""
        run.claimed = True
        own = claim(self.local.warehouse, self._run(run), Execution("r", 0, 0, True, 2), self.local.clock())
        return own.started_at

    def _tasks(self) -> list[str]:
        """The ids of the org's tasks, first and second ones, as the ledger has them."""
        installation = f"-{self.local.settings.installation}"
        tasks = clients.tasks(self.local.settings).list_tasks(request={"parent": self.local.settings.queue_path})
        names = [task.name.rpartition("/")[2].removesuffix(installation) for task in tasks]
        own = (f"-{self.org.org_slug}-", *(run.run_id for run in self.runs))
        return [name for name in names if any(part in name for part in own)]

    def _fire(self, run: Modelled) -> None:
        """The run's task leaves the queue, as when jobs.run has answered."""
        run.queued = False
        for task in self._tasks():
            if self.api.runs.queue.owner(task) == run.run_id:
                self.api.runs.queue.delete(task)

    def _swept(self) -> dict[str, set[str]]:
        """What a sweep does now, by the model."""
        now = self.local.clock()
        done: dict[str, set[str]] = {"enqueued": set(), "settled": set(), "waiting": set(), "left": set()}
        for run in self.runs:
            patience = dt.timedelta(minutes=15 if run.status is Status.PENDING else 10)
            if run.status.final or now - run.last_event_at < patience or run.day < now.date() - LOOKED_BACK:
                continue
            done[self._swept_run(run)].add(run.run_id)
        return done

    def _swept_run(self, run: Modelled) -> str:
        if run.status is Status.PENDING and not run.claimed:
            if run.queued:
                return "waiting"
            if run.enqueued == 1:
                run.enqueued, run.queued, run.last_event_at = 2, True, self.local.clock()
                return "enqueued"
        self.settled(run, Status.FAILED)
        return "settled"

    def _sweep(self) -> dict[str, set[str]]:
        with self.app.app_context():
            told = sweep(self.api.schedule).get_json()
        return {what: set(ids) for what, ids in told.items()}


def play(local: Local, new_org: NewOrgs, examples: int, steps: int) -> None:
    """Each example is a story of so many steps, the same in every session."""
    profile = settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],  # a story of minutes is not worth shrinking for an hour
    )
    run_state_machine_as_test(partial(Lifecycle, local, new_org), settings=profile)  # type: ignore[arg-type]


def test_runs_are_what_the_model_says(local: Local, new_org: NewOrgs) -> None:
    """Status codes, run ids, lists, details, quota and tasks agree with the model after every step."""
    play(local, new_org, examples=5, steps=14)


@pytest.mark.bench
def test_many_long_stories(local: Local, new_org: NewOrgs) -> None:
    """The same for sixty stories of forty steps."""
    play(local, new_org, examples=60, steps=40)
