"""GET /costs/{org}: costs by period and group. Whoever may see the org's runs may see its costs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from flask import Response, request

from cloudact import logs
from cloudact.error_codes import Code
from cloudact.errors import Stop
from functions.auth.authenticate import PresentedCredential, let_in, presented
from functions.auth.limits import too_many
from functions.costs.answer import CostAnswer
from functions.costs.collaborators import OrgCosts
from functions.costs.csv_file import csv_of
from functions.costs.inputs import CostsQuery, ExportQuery, Format, UnitCostsQuery
from functions.costs.parquet import column, parquet
from functions.costs.question import Days, Question, Rows
from functions.costs.shapes import costs_of, unit_costs_of
from functions.web.answers import Answer, answered
from functions.web.inputs import in_query
from functions.web.problems import Problem

BYTES = "X-Bytes-Processed"
VARY = "X-API-Key, Authorization"
EXPORT_WAIT = timedelta(seconds=10)
BUSY = "Too many exports of rows at once. Please come again later."
MEDIA_TYPES = {Format.CSV: "text/csv; charset=utf-8; header=present", Format.PARQUET: "application/vnd.apache.parquet"}


def show_costs(api: OrgCosts, org: str) -> Response:
    """200 with the costs, or 304 where no load has changed them since the answer that the request knows."""
    return _shown(api, org, CostsQuery, costs_of)


def show_unit_costs(api: OrgCosts, org: str) -> Response:
    """200 with what a million tokens costs by model and type, or 304 as for costs."""
    return _shown(api, org, UnitCostsQuery, unit_costs_of)


def export_costs(api: OrgCosts, org: str) -> Response:
    """200 with a file that is sent while it is written; nothing on the way may keep it."""
    credential, query = presented(api.auth, org), in_query(request.args, ExportQuery)
    today = api.clock().date()
    if query.format is Format.CSV:
        return csv_export(api, org, _asked(api, org, credential, query))
    rows = None if query.names_labels else query.rows(today)
    let_in(api.auth, org, credential)
    rows = rows or _allocated(api, org, query)
    if not api.exports.acquire(blocking=False):
        raise too_many(BUSY, EXPORT_WAIT, Code.COSTS_LIMITED)
    try:
        with refusing():
            found = api.answers.exported(org, rows, api.page_rows)
    except BaseException:
        api.exports.release()
        raise
    columns = [column(each.name, each.field_type) for each in found.columns]
    parts = parquet(columns, found.pages(api.page_rows))
    answer = _file(parts, f"{org}-focus", rows.days, query.format, found.bytes_processed)
    answer.call_on_close(api.exports.release)
    return answer


def _allocated(api: OrgCosts, org: str, query: ExportQuery) -> Rows:
    """Rows as of today, with the org's labels."""
    stored = api.labels.current(org)
    return query.rows(api.clock().date(), stored.labels, stored.version)


def csv_export(api: OrgCosts, org: str, question: Question) -> Response:
    """200 with the amounts that answer the question, for a caller who has been let in."""
    with refusing():
        told = api.answers.ask(org, question)
    return _file(csv_of(told.answer), f"{org}-costs", question.days, Format.CSV, told.bytes_processed)


def _file(
    parts: Iterator[str] | Iterator[bytes], name: str, days: Days, form: Format, bytes_processed: int
) -> Response:
    answer = Response(parts, content_type=MEDIA_TYPES[form])
    filename = f"{name}-{days.first}-{days.last}.{form}"
    answer.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    answer.headers["Cache-Control"] = "private, no-store"
    answer.headers["Vary"] = VARY
    answer.headers[BYTES] = str(bytes_processed)
    return answer


def _shown(
    api: OrgCosts,
    org: str,
    query: type[CostsQuery] | type[UnitCostsQuery],
    shape: Callable[[str, CostAnswer], Answer],
) -> Response:
    credential = presented(api.auth, org)
    question = _asked(api, org, credential, in_query(request.args, query))
    etag = api.answers.etag(org, question)
    if request.if_none_match.contains_weak(etag):
        return revalidated(Response(status=304), etag)
    with refusing():
        told = api.answers.ask(org, question, etag)
    return measured(shape(org, told.answer), etag, told.bytes_processed)


def _asked(api: OrgCosts, org: str, credential: PresentedCredential, query: CostsQuery | UnitCostsQuery) -> Question:
    """Question of a caller who may ask it. The org's labels are looked up only where it names any, and after that."""
    question = None if query.names_labels else question_of(api, org, query)
    let_in(api.auth, org, credential)
    return question or question_of(api, org, query)


def question_of(api: OrgCosts, org: str, query: CostsQuery | UnitCostsQuery) -> Question:
    """Question as of today, with the org's labels where it names any."""
    today = api.clock().date()
    return query.question(today, api.labels.current(org).labels) if query.names_labels else query.question(today)


def revalidated(answer: Response, etag: str) -> Response:
    """Answer that its receiver alone may keep, and has to ask for again each time."""
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.headers["Vary"] = VARY
    answer.set_etag(etag)
    return answer


def measured(answer: Answer, etag: str, bytes_processed: int) -> Response:
    """200 with the answer as `revalidated` has it, and the bytes that its query processed, which the log has too."""
    logs.bind(bytes_processed=bytes_processed)
    return revalidated(answered(answer, headers={BYTES: str(bytes_processed)}), etag)


@contextmanager
def refusing() -> Iterator[None]:
    """Raises a `Problem` (400) for a `Stop`: the answer would be too large."""
    try:
        yield
    except Stop as err:
        raise Problem(400, err.message, code=err.code) from err
