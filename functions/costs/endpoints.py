"""GET /costs/{org}: costs by period and group. Whoever may see the org's runs may see its costs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flask import Response, request

from cloudact import logs
from cloudact.error_codes import Code
from cloudact.errors import Stop
from functions.auth.authenticate import let_in, presented
from functions.costs.answer import CostAnswer
from functions.costs.collaborators import OrgCosts
from functions.costs.inputs import CostsQuery, UnitCostsQuery
from functions.costs.shapes import costs_of, unit_costs_of
from functions.web.answers import Answer, answered
from functions.web.inputs import in_query
from functions.web.problems import Problem

BYTES = "X-Bytes-Processed"


def show_costs(api: OrgCosts, org: str) -> Response:
    """200 with the costs, or 304 where no load has changed them since the answer that the request knows."""
    return _shown(api, org, CostsQuery, costs_of)


def show_unit_costs(api: OrgCosts, org: str) -> Response:
    """200 with what a million tokens costs by model and type, or 304 as for costs."""
    return _shown(api, org, UnitCostsQuery, unit_costs_of)


def _shown(
    api: OrgCosts,
    org: str,
    query: type[CostsQuery] | type[UnitCostsQuery],
    shape: Callable[[str, CostAnswer], Answer],
) -> Response:
    credential = presented(api.auth, org)
    question = in_query(request.args, query).question(api.clock().date())
    let_in(api.auth, org, credential)
    etag = api.answers.etag(org, question)
    if request.if_none_match.contains_weak(etag):
        return revalidated(Response(status=304), etag)
    with refusing():
        told = api.answers.ask(org, question, etag)
    logs.bind(bytes_processed=told.bytes_processed)
    return revalidated(answered(shape(org, told.answer), headers={BYTES: str(told.bytes_processed)}), etag)


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
