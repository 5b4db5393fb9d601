"""Filters of the list of runs as they stand in its address: each may be turned round by a leading `-`."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from cloudact.pipelines.registry import Registry
from cloudact.runs.ledger import RETENTION
from cloudact.runs.run import Status, TriggerType
from functions.console.rows import Facet
from functions.console.words import SCHEDULED, STATUS, TRIGGER
from functions.runs.run_pages import Filters
from functions.web.parameters import any_date, only_known
from functions.web.problems import bad_field

NOT = "-"
BY_SERVICE = "scheduled"
TRIGGERS: Mapping[str, tuple[TriggerType, ...]] = {
    BY_SERVICE: SCHEDULED,
    **{each.value: (each,) for each in TriggerType},
}
NAMES = ("status", "pipeline", "trigger", "from", "to", "date")
AFTER = "after"  # the last run of the page before
LABELS = {
    "status": "status",
    "pipeline": "pipeline",
    "trigger": "started by",
    "from": "requested from",
    "to": "requested until",
    "date": "date of the costs",
}


@dataclass(frozen=True)
class Choice:
    """Choice of a filter: what stands in the address, and its words."""

    value: str
    words: str


@dataclass(frozen=True)
class RunFilters:
    """Filters by name as texts of the address; an empty text lets everything through."""

    texts: Mapping[str, str]

    @classmethod
    def read(cls, args: Mapping[str, str], registry: Registry) -> "RunFilters":
        """Filters of a query string. Raises 400 for a name or a value that is none; empty values are left out."""
        only_known(args, (*NAMES, AFTER))
        texts = {name: args[name].strip() for name in NAMES if args.get(name, "").strip()}
        choices = {"status": [*Status], "pipeline": [e.id for e in registry.entries], "trigger": [*TRIGGERS]}
        for name, allowed in choices.items():
            if texts.get(name, NOT).removeprefix(NOT) not in (*allowed, ""):
                raise bad_field(name, f"must be one of {', '.join(allowed)}, or that with a leading -")
        for name in ("from", "to", "date"):
            if name in texts:
                any_date(name, texts[name])
        return cls({name: text for name, text in texts.items() if text != NOT})

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return bool(self.texts)

    def text(self, name: str) -> str:
        """Text of one filter; empty without it."""
        return self.texts.get(name, "")

    def day(self, name: str) -> dt.date | None:
        """Day of one filter, if it is given."""
        return dt.date.fromisoformat(self.texts[name]) if name in self.texts else None

    def query(self, **changes: str) -> str:
        """Query string with some filters replaced; an empty one is left out. Begins with `?` unless it is empty."""
        texts = {name: text for name, text in {**self.texts, **changes}.items() if text}
        return f"?{urlencode(texts)}" if texts else ""

    def without(self, name: str) -> "RunFilters":
        """Filters without one of them."""
        return replace(self, texts={each: text for each, text in self.texts.items() if each != name})

    def shown_days(self, today: dt.date) -> tuple[dt.date, dt.date]:
        """First and last day of requests that the list is of."""
        return self.day("from") or today - RETENTION, self.day("to") or today

    def of_list(self) -> Filters:
        """Filters as the list of the API takes them."""
        pipeline = self.text("pipeline")
        return Filters(
            first_day=self.day("from"),
            last_day=self.day("to"),
            statuses=tuple(Status(each) for each in _kept(self.text("status"), {each: (each,) for each in Status})),
            pipeline=None if pipeline.startswith(NOT) else pipeline or None,
            date=self.day("date"),
            not_pipeline=pipeline.removeprefix(NOT) if pipeline.startswith(NOT) else None,
            trigger_types=_kept(self.text("trigger"), TRIGGERS),
        )

    def hiding(self, facets: Sequence[Facet]) -> list[str]:
        """Names of filters each of which alone hides all runs that the others let through."""
        return [name for name in self.texts if any(self.without(name).lets_through(each) for each in facets)]

    def lets_through(self, facet: Facet) -> bool:
        """Whether runs of this kind are in the list."""
        wanted = self.of_list()
        return (
            (not wanted.statuses or facet.status in wanted.statuses)
            and (not wanted.trigger_types or facet.trigger_type in wanted.trigger_types)
            and wanted.pipeline in (None, facet.pipeline)
            and wanted.not_pipeline != facet.pipeline
            and (facet.in_days or not {"from", "to"} & self.texts.keys())
            and (facet.of_date or "date" not in self.texts)
        )

    def words_of(self, name: str) -> str:
        """Filter in words, such as `not Failed`."""
        text = self.text(name)
        bare = text.removeprefix(NOT)
        known = {choice.value: choice.words for choice in (*STATUS_CHOICES, *TRIGGER_CHOICES)}
        return f"not {known.get(bare, bare)}" if text.startswith(NOT) else known.get(bare, bare)


STATUS_CHOICES = tuple(Choice(status.value, words) for status, words in STATUS.items())
TRIGGER_CHOICES = (
    Choice(BY_SERVICE, "the service itself"),
    *(Choice(trigger.value, words) for trigger, words in TRIGGER.items()),
)


def _kept(text: str, groups: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Words of the filter's group, or all others where it is turned round; none for all."""
    if not text:
        return ()
    group = groups[text.removeprefix(NOT)]
    every = dict.fromkeys(word for words in groups.values() for word in words)
    return tuple(word for word in every if word not in group) if text.startswith(NOT) else group
