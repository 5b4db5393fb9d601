"""Answers questions about costs: one bounded query each, and none while the loads are those of an answer that is kept.

Whoever asks has been let in: nothing here knows a caller. The API, the console and programs of ours ask the same way.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, Generic, Protocol, TypeVar

from cloudact.clock import Clock
from cloudact.error_codes import Code
from cloudact.errors import Stop
from cloudact.google_errors import error_reasons, refused_with
from cloudact.warehouse.bigquery import MIB, PagedRows, Warehouse
from cloudact.warehouse.queries import Query, Value
from functions.auth.limits import COSTS, TokenBuckets, too_many
from functions.costs.answer import CostAnswer, Row, answer_of
from functions.costs.question import Question, Rows
from functions.costs.statement import MOST_ROWS, statement_of_groups, statement_of_rows
from functions.costs.states import TableStates
from functions.web.problems import unreadable

# 400 days and the 400 before, of an org with some millions of rows. At Google's list price 0.06 dollars.
MOST_BYTES = 10 * 1024 * MIB
MOST_WEIGHT = 150_000  # amounts and days that an instance keeps, some 30 MiB
MOST_EXPORTED = 100_000
TOO_MANY_ROWS = "The export would have {rows} rows, more than {most}; ask for fewer days, or filter."
TOO_LARGE = "The answer would have more than {most} amounts; ask for fewer groups, days, or units of consumption."
TOO_MANY_BYTES = "The question would read more than 10 GiB; ask for fewer days."
LIMITED = "Too many different questions about costs within some minutes. Please come again later."


@dataclass(frozen=True)
class Answered:
    """Answer, and what it has cost: bytes that its query has processed, 0 where it was kept. `etag` names its state."""

    answer: CostAnswer
    etag: str
    bytes_processed: int = 0


class Weighed(Protocol):
    """Answer that knows how much memory it takes, in parts of some 200 bytes."""

    @property
    def weight(self) -> int:
        """Number of parts."""


Kept = TypeVar("Kept", bound=Weighed)
Asked = TypeVar("Asked")


class KeptAnswers(Generic[Kept]):
    """Answers by their ETag, of bounded weight; the one that was used longest ago makes room."""

    def __init__(self, most_weight: int = MOST_WEIGHT) -> None:
        self._most_weight = most_weight
        self._weight = 0
        self._lock = Lock()
        self._answers: dict[str, Kept] = {}

    def __len__(self) -> int:
        """Number of answers that are kept."""
        return len(self._answers)

    def get(self, etag: str) -> Kept | None:
        """Answer of this state, if it is kept."""
        with self._lock:
            answer = self._answers.pop(etag, None)
            if answer is not None:
                self._answers[etag] = answer
            return answer

    def put(self, etag: str, answer: Kept) -> None:
        """Keeps the answer, unless it alone is too much."""
        with self._lock:
            if etag in self._answers or answer.weight > self._most_weight:
                return
            self._answers[etag] = answer
            self._weight += answer.weight
            while self._weight > self._most_weight:
                self._weight -= self._answers.pop(next(iter(self._answers))).weight


class CostAnswers:
    """Answers questions about the costs of orgs. `asking` bounds the queries of each org."""

    def __init__(self, warehouse: Warehouse, states: TableStates, clock: Clock, kept: KeptAnswers[CostAnswer]) -> None:
        self._warehouse = warehouse
        self._states = states
        self._clock = clock
        self._kept = kept
        self._asking = TokenBuckets[str](COSTS, clock)

    def etag(self, org_slug: str, question: object) -> str:
        """Text that is equal for equal questions as long as no load has changed the org's tables, within a UTC day.

        The day is part of it, since days settle by their age. Reads metadata of tables, and no row. Raises `Retry`.
        """
        today, state = self._clock().date(), self._states.digest(org_slug)
        return hashlib.sha256(f"{org_slug} {today} {state} {question!r}".encode()).hexdigest()[:32]

    def ask(self, org_slug: str, question: Question, etag: str | None = None) -> Answered:
        """Answer to the question, by at most one query. `etag` is that of just before, if the caller has asked for it.

        Raises `Stop` where the answer would be too large, a `Problem` where the org asks too much (429) or its dataset
        cannot be read (503), and `Retry`.
        """
        etag = etag or self.etag(org_slug, question)
        kept = self.kept(etag)
        if kept is not None:
            return Answered(kept, etag)
        query, values = statement_of_groups(question)
        rows, processed = self.rows(org_slug, query, values)
        return Answered(self.keep(etag, question, rows), etag, processed)

    def kept(self, etag: str) -> CostAnswer | None:
        """Answer of this state, if it is kept."""
        return self._kept.get(etag)

    def keep(self, etag: str, question: Question, rows: Iterable[Row]) -> CostAnswer:
        """Answer that the rows of the question's query are; it is kept from now on."""
        answer = answer_of(question, rows, self._clock().date())
        self._kept.put(etag, answer)
        return answer

    def exported(self, org_slug: str, rows: Rows, page_rows: int) -> PagedRows:
        """FOCUS rows that are asked for, at most 100,000, a page at a time; see `ask`."""
        query, values = statement_of_rows(rows)
        self._take_turn(org_slug)
        try:
            found = self._warehouse.paged(query, org_slug, MOST_BYTES, page_rows, **values)
        except Exception as err:
            raise _judged(err) from err
        if found.row_count > MOST_EXPORTED:
            raise Stop(Code.COSTS_TOO_LARGE, TOO_MANY_ROWS.format(rows=found.row_count, most=MOST_EXPORTED))
        return found

    def rows(
        self, org_slug: str, query: Query, values: dict[str, Value], most_rows: int = MOST_ROWS
    ) -> tuple[Sequence[dict[str, Any]], int]:
        """Rows of one bounded query over the org's dataset, and the bytes that it has processed; see `ask`."""
        self._take_turn(org_slug)
        try:
            rows, processed = self._warehouse.measured(query, org_slug, MOST_BYTES, **values)
        except Exception as err:
            raise _judged(err) from err
        if len(rows) > most_rows:
            raise Stop(Code.COSTS_TOO_LARGE, TOO_LARGE.format(most=most_rows))
        return rows, processed

    def _take_turn(self, org_slug: str) -> None:
        wait = self._asking.take(org_slug)
        if wait:
            raise too_many(LIMITED, wait, Code.COSTS_LIMITED)


class QueryAnswers(Generic[Asked, Kept]):
    """Answers to one kind of question, by a query that counts among those of costs, or none while the answer is kept.

    `statement` makes the query and its parameters for an org and question, `read` the answer of question and rows.
    """

    def __init__(
        self,
        answers: CostAnswers,
        most_weight: int,
        statement: Callable[[str, Asked], tuple[Query, dict[str, Value]]],
        read: Callable[[Asked, Iterable[Row]], Kept],
    ) -> None:
        self._answers = answers
        self._kept = KeptAnswers[Kept](most_weight)
        self._statement = statement
        self._read = read

    def find(self, org_slug: str, asked: Asked, etag: str) -> tuple[Kept, int]:
        """Answer of this state, and the bytes that the query has processed: 0 where it was kept.

        `etag` is what `CostAnswers.etag` says of org and question. Raises what `CostAnswers.rows` raises.
        """
        kept = self.kept(etag)
        if kept is not None:
            return kept, 0
        rows, processed = self._answers.rows(org_slug, *self._statement(org_slug, asked))
        return self.keep(etag, asked, rows), processed

    def kept(self, etag: str) -> Kept | None:
        """Answer of this state, if it is kept."""
        return self._kept.get(etag)

    def keep(self, etag: str, asked: Asked, rows: Iterable[Row]) -> Kept:
        """Answer that the rows of the query are; it is kept from now on."""
        answer = self._read(asked, rows)
        self._kept.put(etag, answer)
        return answer


def _judged(err: Exception) -> Exception:
    """Error of BigQuery as what can be done about it."""
    if "bytesBilledLimitExceeded" in error_reasons(err):
        return Stop(Code.COSTS_TOO_LARGE, TOO_MANY_BYTES)
    if refused_with(err, 404) or refused_with(err, 403):
        return unreadable(err)
    return err
