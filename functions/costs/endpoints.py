"""GET /costs/{org}: costs by period and group. Whoever may see the org's runs may see its costs."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Response, request

from cloudact import logs
from cloudact.error_codes import Code
from cloudact.errors import Stop
from functions.auth.authenticate import let_in, presented
from functions.costs.collaborators import OrgCosts
from functions.costs.inputs import CostsQuery
from functions.costs.shapes import costs_of
from functions.web.answers import answered
from functions.web.inputs import in_query
from functions.web.problems import Problem

BYTES = "X-Bytes-Processed"


def show_costs(api: OrgCosts, org: str) -> Response:
    """200 with the costs, or 304 where no load has changed them since the answer that the request knows."""
    credential = presented(api.auth, org)
    question = in_query(request.args, CostsQuery).question(api.clock().date())
    let_in(api.auth, org, credential)
    etag = api.answers.etag(org, question)
    if request.if_none_match.contains_weak(etag):
        return revalidated(Response(status=304), etag)
    with refusing():
        told = api.answers.ask(org, question, etag)
    logs.bind(bytes_processed=told.bytes_processed)
    return revalidated(answered(costs_of(org, told.answer), headers={BYTES: str(told.bytes_processed)}), etag)


def revalidated(answer: Response, etag: str) -> Response:
    """Answer that its receiver alone may keep, and has to ask for again each time."""
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.headers["Vary"] = "X-API-Key, Authorization"
    answer.set_etag(etag)
    return answer


@contextmanager
def refusing() -> Iterator[None]:
    """Raises a `Problem` for a `Stop`: 400 for what is too large, 409 for a dataset that cannot be read."""
    try:
        yield
    except Stop as err:
        raise Problem(400 if err.code == Code.COSTS_TOO_LARGE else 409, err.message, code=err.code) from err
