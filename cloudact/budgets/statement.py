"""The SQL of what an org has spent: `sql/costs/spending.sql` with the rules of the labels that are looked at."""

import re
from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import Final

from cloudact.budgets.months import DAY
from cloudact.costs.label_sql import rules_of
from cloudact.costs.labels import Label
from cloudact.settings import ROOT
from cloudact.warehouse.queries import Query, Value

MOST_ROWS: Final = 60_000  # of an answer, as of other questions about costs
MOST_BYTES: Final = 10 * 1024**3  # a question of 90 days of an org with millions of rows
MEASURED_DAYS: Final = 60  # before the last one, whose restatements tell what days of an age become
_PLACE_OF_LABELS: Final = "    -- the labels\n"
_PLACE_OF_RULES: Final = "    -- the rules\n"
_MARKED = re.compile(r"^(?P<line>.*) -- with (?P<word>\w+)$", re.MULTILINE)
_DECLARED = re.compile(r"^-- @(\w+) (\w+):", re.MULTILINE)


def statement_of_spending(
    org_slug: str,
    first_day: date,
    last_day: date,
    labels: Sequence[Label] = (),
    chosen: Sequence[str] | None = None,
    *,
    seen_until: date | None = None,
) -> tuple[Query, dict[str, Value]]:
    """Query of the costs of some days, and the values of its parameters.

    `chosen` are the values of labels that count, `<number of the label, from 1>:<value>`; `None`: all of them.
    States of days are read up to `seen_until`, costs up to the last one.
    """
    lines, own = rules_of(labels)
    words = {"labels"} if labels else set()
    if labels and chosen is not None:
        words.add("chosen")
        own["chosen"] = tuple(chosen)
    names = ", ".join(f"charge.label_{number}_rule" for number in range(1, len(labels) + 1))
    text = "".join(_kept(line, words) for line in _text().splitlines(keepends=True))
    text = text.replace(_PLACE_OF_LABELS, lines).replace(_PLACE_OF_RULES, f"    {names}\n" if names else "")
    types = dict(_DECLARED.findall(text))
    types |= {name: "STRING" if isinstance(value, str) else "ARRAY<STRING>" for name, value in own.items()}
    days: dict[str, Value] = {"org_slug": org_slug, "first_day": first_day, "last_day": last_day}
    days["seen_until"] = seen_until or last_day
    days["measured_from"] = last_day - MEASURED_DAYS * DAY
    return Query("costs_spending", text, types), {**days, "row_limit": MOST_ROWS + 1, **own}


def _kept(line: str, words: set[str]) -> str:
    mark = _MARKED.match(line.rstrip("\n"))
    if mark is None:
        return line
    return f"{mark['line']}\n" if mark["word"] in words else ""


@cache
def _text() -> str:
    return (ROOT / "sql" / "costs" / "spending.sql").read_text(encoding="utf-8")
