"""What a campaign does, one action after the other: drawn from a seed, or read from the log of an earlier campaign.

An action names what it is about in words that mean the same in another campaign: an org's letter, and a run as
`a/gcp_billing/2026-11-10/1`. Of kills and faults it says after how many requests they come, not when.
"""

import datetime as dt
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

PIPELINES = ("gcp_billing", "openai_usage_cost", "anthropic_usage_cost")
REPORTING = ("openai", "anthropic")
DAYS_BACK = 5  # dates that are asked for
LAST_DAY = 4  # days that a campaign may go on for
PROVIDER_FAULTS: tuple[dict[str, Any], ...] = (
    {"status": 429},
    {"status": 429, "headers": {"Retry-After": "1"}},
    {"status": 500},
    {"status": 503},
    {"status": 403},
    {"truncate": True},
    {"reset": True},
    {"html": 200},
    {"html": 502},
    {"null_cursor": True},
    {"same_cursor": True},
    {"delay_s": 0.3},
    {"gzip": 1},
    {"gzip": 2},
)
BIGQUERY_PATHS = (r"/insertAll$", r"/queries", r"/jobs$", r"/jobs/", r"/upload/")
GOOGLE_FAULTS: tuple[dict[str, Any], ...] = (
    {"api": "tasks", "method": "CreateTask", "kind": "error"},
    {"api": "tasks", "method": "CreateTask", "kind": "lost_reply"},
    {"api": "tasks", "method": "GetTask", "kind": "error"},
    {"api": "tasks", "method": "DeleteTask", "kind": "lost_reply"},
    {"api": "kms", "method": "Decrypt", "kind": "error"},
)


@dataclass(frozen=True)
class Action:
    """One thing that is done: its kind, and what it is done to."""

    kind: str
    about: dict[str, Any]

    @property
    def line(self) -> str:
        """The action in a log, without its answer."""
        return json.dumps({"do": self.kind, **self.about})


class Seen(Protocol):
    """What a draw may see of the world, so that most of it makes sense."""

    @property
    def letters(self) -> Sequence[str]:
        """The orgs."""

    def today(self) -> dt.date:
        """The UTC day it is."""

    @property
    def days_gone(self) -> int:
        """Days since the campaign began."""

    def runs(self) -> Sequence[str]:
        """Runs that are known, in the order in which they came to be."""

    def due(self) -> Sequence[str]:
        """The first run of each task that may be delivered now."""


def read(log: Path) -> Iterator[Action]:
    """The actions of an earlier campaign, from its log."""
    for line in log.read_text(encoding="utf-8").splitlines()[1:]:
        about = json.loads(line)
        about.pop("answer", None)
        yield Action(about.pop("do"), about)


def seed_of(log: Path) -> int:
    """The seed of an earlier campaign, from the first line of its log."""
    return int(json.loads(log.read_text(encoding="utf-8").partition("\n")[0])["seed"])


class Draw:
    """Draws actions without an end. Equal seeds draw the same as long as the world looks the same."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._kinds: dict[Callable[[Seen], Action], int] = {
            self._trigger: 20, self._deliver: 24, self._duplicates: 5, self._backfill: 3, self._cancel: 7,
            self._retry: 8, self._daily: 3, self._sweep: 7, self._wait: 8, self._next_day: 1,
            self._provider_fault: 10, self._bigquery_fault: 7, self._google_fault: 3,
            self._restate: 4, self._late_row: 3, self._validate: 2, self._new_instance: 1,
        }  # fmt: skip

    def next(self, world: Seen) -> Action:
        """The next action in this world."""
        (draw,) = self._random.choices(list(self._kinds), weights=list(self._kinds.values()))
        return draw(world)

    def _trigger(self, world: Seen) -> Action:
        return Action("trigger", self._request(world) | {"force": self._random.random() < 0.3})

    def _duplicates(self, world: Seen) -> Action:
        return Action("duplicates", self._request(world) | {"times": self._random.randint(2, 4)})

    def _request(self, world: Seen) -> dict[str, Any]:
        """An org, a pipeline and a date; half of them are those of a run before, since what is repeated goes wrong."""
        if world.runs() and self._random.random() < 0.5:
            org, pipeline, date, _ = self._random.choice(world.runs()).split("/")
            return {"org": org, "pipeline": pipeline, "date": date}
        day = world.today() - dt.timedelta(days=self._random.randint(1, DAYS_BACK))
        return {"org": self._letter(world), "pipeline": self._random.choice(PIPELINES), "date": day.isoformat()}

    def _letter(self, world: Seen) -> str:
        return self._random.choice(world.letters)

    def _backfill(self, world: Seen) -> Action:
        asked = self._request(world)
        end = dt.date.fromisoformat(asked.pop("date"))
        start = end - dt.timedelta(days=self._random.randint(0, 2))
        how = self._random.choice(("none", "failed", "completed"))
        return Action("backfill", asked | {"start": start.isoformat(), "end": end.isoformat(), "reprocess": how})

    def _cancel(self, world: Seen) -> Action:
        return self._about_a_run("cancel", world)

    def _retry(self, world: Seen) -> Action:
        return self._about_a_run("retry", world)

    def _about_a_run(self, kind: str, world: Seen) -> Action:
        runs = world.runs()
        return Action(kind, {"run": self._random.choice(runs[-12:])}) if runs else self._trigger(world)

    def _deliver(self, world: Seen) -> Action:
        due = world.due()
        if not due:
            return self._trigger(world) if self._random.random() < 0.5 else self._wait(world)
        kills = [self._kill() if self._random.random() < 0.3 else None for _ in range(4)]
        return Action(
            "deliver", {"run": self._random.choice(due), "again": self._random.random() < 0.15, "kills": kills}
        )

    def _kill(self) -> list[object]:
        moment = self._random.choice(("before", "after"))
        return [self._random.randint(1, 40), moment, "SIGKILL" if self._random.random() < 0.8 else "SIGTERM"]

    def _daily(self, _: Seen) -> Action:
        return Action("daily", {})

    def _sweep(self, _: Seen) -> Action:
        return Action("sweep", {})

    def _wait(self, _: Seen) -> Action:
        return Action("wait", {"minutes": self._random.choice((1, 2, 6, 11, 16, 35, 190))})

    def _next_day(self, world: Seen) -> Action:
        return Action("next_day", {}) if world.days_gone < LAST_DAY else self._sweep(world)

    def _provider_fault(self, world: Seen) -> Action:
        if self._random.random() < 0.1:  # a provider that repeats the key it refuses
            echo = {"echoes": [self._letter(world), self._random.choice(REPORTING)]}
            return Action("provider_fault", echo | self._strikes())
        return Action("provider_fault", {"fault": self._random.choice(PROVIDER_FAULTS)} | self._strikes())

    def _strikes(self) -> dict[str, int]:
        return {"times": self._random.randint(1, 4), "after": self._random.randint(0, 6)}

    def _bigquery_fault(self, _: Seen) -> Action:
        fault = {"path_regex": self._random.choice(BIGQUERY_PATHS), "status": self._random.choice((500, 502, 503))}
        return Action("bigquery_fault", fault | {"times": self._random.randint(1, 4)})

    def _google_fault(self, _: Seen) -> Action:
        return Action("google_fault", self._random.choice(GOOGLE_FAULTS) | {"times": self._random.randint(1, 2)})

    def _restate(self, world: Seen) -> Action:
        asked = self._request(world)
        provider = asked.pop("pipeline").partition("_")[0]
        if provider not in REPORTING:
            return self._late_row(world)
        factor = self._random.choice(("0.4", "0.9", "1", "1.1", "2"))
        return Action("restate", asked | {"provider": provider, "factor": factor})

    def _late_row(self, world: Seen) -> Action:
        asked = self._request(world)
        del asked["pipeline"]
        return Action("late_row", asked | {"cost": f"{self._random.randint(1, 99_999) / 1000}"})

    def _validate(self, world: Seen) -> Action:
        provider = self._random.choice(("gcp", *REPORTING))
        return Action("validate", {"org": self._letter(world), "provider": provider})

    def _new_instance(self, _: Seen) -> Action:
        return Action("new_instance", {})
