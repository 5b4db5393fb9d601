"""An answer about costs as CSV (RFC 4180), line by line: what is shown, one line for each amount.

Texts of providers and customers that a spreadsheet would take for a formula get an apostrophe before them; numbers are
ours, and stay numbers. https://owasp.org/www-community/attacks/CSV_Injection
"""

import csv
import datetime as dt
import io
from collections.abc import Iterator, Sequence
from typing import Final

from functions.costs.answer import CostAnswer, Group, Sums
from functions.costs.question import DAY, Question
from functions.costs.shapes import plain

FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_BEFORE: Final = ("period", "start", "end", "kind")
_AFTER: Final = ("group_count", "currency", "unit", "amount")


def csv_of(answer: CostAnswer) -> Iterator[str]:
    """Lines of the file, the names of its columns first. A NULL and an empty text are both empty."""
    question = answer.question
    dimensions = [each.word for each in question.group_by]
    named = [f"{word}_name" for word in dimensions]
    yield _line([*_BEFORE, *dimensions, *named, *_AFTER])
    for sums in answer.sums:
        for group in sums.groups:
            yield from _lines(question, sums, group, dimensions)


def _lines(question: Question, sums: Sums, group: Group, dimensions: Sequence[str]) -> Iterator[str]:
    texts = [defused(group.key.get(word) or "") for word in dimensions]
    texts += [defused(group.names.get(word, "")) for word in dimensions]
    same = [str(group.group_count), sums.currency or "", defused(sums.unit or "")]
    for period, amount in zip(question.periods, group.amounts, strict=True):
        start, end = _days(question, period)
        yield _line(["current", start, end, group.kind.value, *texts, *same, plain(amount)])
    if question.previous and group.previous is not None:
        days = [question.previous.first.isoformat(), question.previous.last.isoformat()]
        yield _line(["previous", *days, group.kind.value, *texts, *same, plain(group.previous)])


def _days(question: Question, period: dt.date) -> tuple[str, str]:
    """First and last day of a period, without those that are not asked about."""
    last = question.granularity.next(period) - DAY
    return max(period, question.days.first).isoformat(), min(last, question.days.last).isoformat()


def defused(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULAS) else text


def _line(cells: Sequence[str]) -> str:
    written = io.StringIO()
    csv.writer(written).writerow(cells)
    return written.getvalue()
