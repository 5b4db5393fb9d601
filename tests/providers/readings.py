"""A whole reading of one report, from the bodies of its pages to the digest: what it gives, tells and refuses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pyarrow as pa

from cloudact import redaction
from cloudact.errors import RunError
from cloudact.runs.result import Fingerprint
from jobs.fingerprint import Digest, fingerprint
from providers import PROVIDERS
from providers.anthropic.api import ANTHROPIC
from providers.anthropic.reports import AnthropicReports
from providers.http import Patience
from providers.notes import Notes
from providers.openai.api import OPENAI
from providers.openai.reports import OpenAiReports
from providers.provider import secret_patterns
from providers.source import NotOffered
from providers.tally import Tally
from tests.conftest import FIXTURE_DAY
from tests.ddl_columns import ddl_columns
from tests.providers.generated import Report

RUN = {"org_slug": "acme", "run_id": "r-1", "ingested_at": datetime(2026, 11, 11, 6, tzinfo=UTC)}
ONCE = Patience(attempts=1, doubt_s=None)


@dataclass(frozen=True)
class Reading:
    """Rows as a table in their order, their digest and sums, what was told, and the error that ended it."""

    table: pa.Table | None
    digest: str
    sums: Mapping[str, str]
    told: Sequence[str]
    new_fields: Sequence[str]
    unpriced: Sequence[str]
    error: str
    pages: Mapping[str, Any]
    fingerprint: Fingerprint
    unrounded: Mapping[str, str]
    texts: Mapping[str, set[str]]

    @property
    def golden(self) -> dict[str, Any]:
        """What must not change from one version of the code to the next."""
        return {
            "rows": self.table.num_rows if self.table else 0,
            "digest": self.digest,
            "sums": self.sums,
            "told": self.told,
            "new_fields": self.new_fields,
            "unpriced": self.unpriced,
            "error": self.error,
        }


def read(report: Report, bodies: Sequence[bytes]) -> Reading:
    """Reads the pages, the first without a cursor, each other one at the cursor that is its number."""
    redaction.know(secret_patterns(PROVIDERS))
    told: list[str] = []
    notes = Notes(told.append)
    client = httpx.Client(transport=httpx.MockTransport(lambda asked: _answer(bodies, asked)))
    if report.provider == "openai":
        api = OPENAI.open("http://openai.invalid", "sk-admin-test", client, ONCE)
        reports: Any = OpenAiReports(api, FIXTURE_DAY, notes)
    else:
        api = ANTHROPIC.open("http://anthropic.invalid", "sk-ant-admin01-test", client, ONCE)
        asked_on = FIXTURE_DAY + timedelta(days=1)
        reports = AnthropicReports(api, FIXTURE_DAY, notes, asked_on, report.generation)
    ((table, rows),) = reports.rows([report.name])
    digest, error, batches = Digest(Tally(table.money, table.as_of)), "", []
    columns = ddl_columns(table.name)
    try:
        for batch in columns.batches(rows, RUN):
            digest.add(batch)
            batches.append(batch)
    except (RunError, NotOffered) as err:
        error = f"{type(err).__name__} {getattr(err, 'code', '')} {err}"
    return Reading(
        pa.Table.from_batches(batches, columns.schema).combine_chunks() if not error else None,
        "" if error else digest.content.digest,
        {} if error else {currency: str(amount) for currency, amount in sorted(digest.tally.sums.items())},
        told,
        sorted(notes.new_fields),
        [str(notes.unpriced), *notes.unpriced_named] if notes.unpriced else [],
        error,
        {report: (read.by_column, read.by_row) for report, read in getattr(notes, "pages", {}).items()},
        fingerprint({table.name: digest}),
        {} if error else {currency: str(amount.normalize()) for currency, amount in sorted(notes.unrounded.items())},
        notes.texts,
    )


def _answer(bodies: Sequence[bytes], asked: httpx.Request) -> httpx.Response:
    number = int(asked.url.params.get("page", "0"))
    return httpx.Response(200, content=bodies[number], headers={"content-type": "application/json"})
