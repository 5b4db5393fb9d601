"""Filters of the timeline as they stand in its address; the kind may be turned round by a leading `-`."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from functions.console.words import TIMELINE_KIND
from functions.orgs.timeline_pages import KindCount, TimelineFilters, TimelineKind
from functions.web.parameters import any_date, only_known
from functions.web.problems import bad_field

NOT = "-"
NAMES = ("kind", "from", "to")
AFTER = "after"  # the last entry of the page before
LABELS = {"kind": "kind", "from": "from", "to": "until"}


@dataclass(frozen=True)
class TimelineTexts:
    """Filters by name as texts of the address; an empty text lets everything through."""

    texts: Mapping[str, str]

    @classmethod
    def read(cls, args: Mapping[str, str]) -> "TimelineTexts":
        """Filters of a query string. Raises 400 for a name or a value that is none; empty values are left out."""
        only_known(args, (*NAMES, AFTER))
        texts = {name: args[name].strip() for name in NAMES if args.get(name, "").strip() not in ("", NOT)}
        if texts.get("kind", "").removeprefix(NOT) not in (*TimelineKind, ""):
            raise bad_field("kind", f"must be one of {', '.join(TimelineKind)}, or that with a leading -")
        for name in {"from", "to"} & texts.keys():
            any_date(name, texts[name])
        return cls(texts)

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return bool(self.texts)

    def text(self, name: str) -> str:
        """Text of one filter; empty without it."""
        return self.texts.get(name, "")

    def query(self, **changes: str) -> str:
        """Query string with some filters replaced; an empty one is left out. Begins with `?` unless it is empty."""
        texts = {name: text for name, text in {**self.texts, **changes}.items() if text}
        return f"?{urlencode(texts)}" if texts else ""

    def without(self, name: str) -> "TimelineTexts":
        """Filters without one of them."""
        return replace(self, texts={each: text for each, text in self.texts.items() if each != name})

    def of_list(self) -> TimelineFilters:
        """Filters as the API's list takes them."""
        text = self.text("kind")
        named = text.removeprefix(NOT)
        kinds = tuple(each for each in TimelineKind if text and (each == named) is not text.startswith(NOT))
        return TimelineFilters(kinds, self._day("from"), self._day("to"))

    def hiding(self, counts: Sequence[KindCount]) -> list[str]:
        """Names of filters each of which alone hides everything that the others let through."""
        return [name for name in self.texts if self.without(name).shows_any(counts)]

    def shows_any(self, counts: Sequence[KindCount]) -> bool:
        """Whether the filters let something through."""
        wanted = self.of_list()
        return any(wanted.lets_kind_through(each.kind) and wanted.lets_day_through(each.day) for each in counts)

    def words_of(self, name: str) -> str:
        """Filter in words, such as `not Runs`."""
        text = self.text(name)
        bare = text.removeprefix(NOT)
        words = TIMELINE_KIND[TimelineKind(bare)] if name == "kind" else bare
        return f"not {words}" if text.startswith(NOT) else words

    def _day(self, name: str) -> dt.date | None:
        return dt.date.fromisoformat(self.texts[name]) if name in self.texts else None
