"""Answers to the scheduler: how many runs the daily call has started, and which runs a sweep has settled."""

from pydantic import Field

from functions.web.answers import Answer


class DailyPlan(Answer):
    """Runs that are due today. Everything but `minutes` is a number of runs, batches, tasks or orgs."""

    planned: int = Field(description="runs that are due and in no batch yet")
    started: int = Field(description="runs whose task is new")
    batches: int = Field(description="whose task is new")
    tasks: int = Field(description="containers that the new batches start")
    already: int = Field(description="runs that an earlier call of the day has batched")
    waiting: int = Field(
        description="late dates that wait for another day: an org has as many a day as its plan has runs"
    )
    given_up: int = Field(description="dates whose runs have failed for a week, and which their org was told of")
    left: int = Field(description="planned runs for which the region's quotas have no room within a day")
    minutes: int = Field(description="until the last run is expected to end")
    orgs: int
    catch_up: int = Field(description="planned runs of days that were missed")
    restatements: int = Field(description="planned runs of days that the provider may have changed")


class Swept(Answer):
    """Ids of silent runs, by what was done about each."""

    enqueued: list[str] = Field(description="enqueued once more")
    settled: list[str] = Field(description="ended")
    waiting: list[str] = Field(description="left alone: a task will still start them")
    left: list[str] = Field(description="left to the next sweep")
