"""Routes of the console, the pages of `api` below /console; and its app, which is built with the first of its pages."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from cloudact import clients
from cloudact.clock import Clock, utc_now
from cloudact.error_codes import Code
from cloudact.errors import ConfigError, Retry
from cloudact.secrets import read_secret
from cloudact.settings import Settings
from functions.auth.sessions import PublicKeys, Sessions
from functions.composition import Rooms
from functions.console import (
    backfill_page,
    budgets_page,
    calendar_page,
    costs_page,
    labels_page,
    members_page,
    overview_page,
    pipelines_page,
    run_page,
    runs_page,
    selected_runs,
    settings_page,
    sign_in,
    timeline_page,
)
from functions.console.collaborators import Console
from functions.console.identity import IdentityProvider
from functions.console.pages import page, secured
from functions.console.rows import ConsoleRows
from functions.console.sessions import COOKIE, SIGN_IN, SignInNeeded, forget_cookie, sign_in_path
from functions.console.signed import Signer
from functions.console.static_files import BASE, show_static
from functions.web.app import create_app
from functions.web.bodies import Bodies
from functions.web.problems import CANNOT_START, NOT_CONFIGURED, Problem

log = logging.getLogger(__name__)
_ORG = "/console/<org>"
_RUN = f"{_ORG}/runs/<run_id>"
_SETTINGS = f"{_ORG}/settings"


@dataclass(frozen=True)
class Page:
    """Page, or a form that leads to one."""

    method: str
    path: str
    view: Callable[..., Response]


PAGES = (
    Page("GET", "/console", sign_in.show_home),
    Page("GET", SIGN_IN, sign_in.show_sign_in),
    Page("POST", SIGN_IN, sign_in.sign_in_with_key),
    Page("POST", f"{SIGN_IN}/demo", sign_in.sign_in_demo),
    Page("GET", f"{SIGN_IN}/identity", sign_in.ask_identity),
    Page("GET", f"{SIGN_IN}/answer", sign_in.answer_identity),
    Page("POST", "/console/sign-out", sign_in.sign_out),
    Page("GET", _ORG, overview_page.show_overview),
    Page("GET", f"{_ORG}/pipelines", pipelines_page.show_pipelines),
    Page("POST", f"{_ORG}/pipelines/<pipeline>/run", pipelines_page.run_pipeline),
    Page("GET", f"{_ORG}/pipelines/<pipeline>/backfill", backfill_page.show_backfill),
    Page("POST", f"{_ORG}/pipelines/<pipeline>/backfill", backfill_page.run_backfill),
    Page("GET", f"{_ORG}/runs", runs_page.show_runs),
    Page("POST", f"{_ORG}/runs", selected_runs.act_on_selected),
    Page("GET", _RUN, run_page.show_run),
    Page("GET", f"{_RUN}/live", run_page.show_live),
    Page("POST", f"{_RUN}/cancel", run_page.cancel),
    Page("POST", f"{_RUN}/retry", run_page.retry),
    Page("GET", f"{_ORG}/calendar", calendar_page.show_calendar),
    Page("GET", f"{_ORG}/timeline", timeline_page.show_timeline),
    Page("GET", f"{_ORG}/costs", costs_page.show_costs),
    Page("GET", f"{_ORG}/costs/export", costs_page.show_csv),
    Page("GET", _SETTINGS, settings_page.show_integrations),
    Page("POST", f"{_SETTINGS}/integrations/<provider>/setup", settings_page.set_up),
    Page("POST", f"{_SETTINGS}/integrations/<provider>/validate", settings_page.validate),
    Page("POST", f"{_SETTINGS}/integrations/<provider>/remove", settings_page.remove),
    Page("GET", f"{_SETTINGS}/keys", settings_page.show_keys),
    Page("GET", f"{_SETTINGS}/members", members_page.show_members),
    Page("POST", f"{_SETTINGS}/members", members_page.put_member),
    Page("POST", f"{_SETTINGS}/members/remove", members_page.remove_member),
    Page("GET", f"{_SETTINGS}/labels", labels_page.show_labels),
    Page("GET", f"{_SETTINGS}/labels/draft", labels_page.show_draft),
    Page("POST", f"{_SETTINGS}/labels/draft", labels_page.change_draft),
    Page("GET", f"{_SETTINGS}/budgets", budgets_page.show_budgets),
    Page("POST", f"{_SETTINGS}/budgets", budgets_page.save_budget),
    Page("POST", f"{_SETTINGS}/balances", budgets_page.save_balance),
    Page("GET", f"{_SETTINGS}/webhook", settings_page.show_webhook),
    Page("POST", f"{_SETTINGS}/webhook/test", settings_page.test_webhook),
    Page("POST", f"{_SETTINGS}/webhook/delete", settings_page.delete_webhook),
)


def console_app(rooms: Rooms, settings: Settings, bodies: Bodies | None = None, clock: Clock = utc_now) -> Flask:
    """App of the console, over the same collaborators as the API's. `bodies` are as its server has threads for them."""
    app = create_app("console", rooms.project, bodies)
    console = _compose(rooms, settings, clock)
    for each in PAGES:
        app.add_url_rule(
            each.path,
            f"{each.method} {each.path}",
            partial(each.view, console),
            methods=[each.method],
            provide_automatic_options=False,
        )
    app.add_url_rule(f"{BASE}<name>", "static", show_static, methods=["GET"], provide_automatic_options=False)
    app.register_error_handler(SignInNeeded, _sign_in)
    app.register_error_handler(Problem, partial(_problem, console))
    app.register_error_handler(HTTPException, partial(_from_werkzeug, console))
    app.register_error_handler(Retry, partial(_away, console))
    app.register_error_handler(ConfigError, partial(_misconfigured, console))
    app.register_error_handler(Exception, partial(_unforeseen, console))
    app.after_request(rooms.key_uses.after)
    app.after_request(secured)
    return app


def _compose(rooms: Rooms, settings: Settings, clock: Clock) -> Console:
    def secret() -> bytes:
        return read_secret(clients.secret_manager(settings), settings.console_secret)

    return Console(
        auth=rooms.runs.auth,
        runs=rooms.runs,
        integrations=rooms.integrations,
        keys=rooms.keys,
        people=rooms.people,
        timeline=rooms.timeline,
        webhooks=rooms.webhooks,
        costs=rooms.costs,
        rows=ConsoleRows(rooms.runs.warehouse),
        signer=Signer(secret, settings.installation, clock),
        identity=_identity(settings, clock),
        demo_user=settings.console_demo_user,
        clock=clock,
    )


def _identity(settings: Settings, clock: Clock) -> IdentityProvider | None:
    """Client of the identity provider, whose tokens are for the console and not for the API, if it is registered."""
    if not settings.console_client_id:
        return None
    for_us = settings.model_copy(update={"jwt_audience": settings.console_client_id})
    sessions = Sessions(PublicKeys(settings.jwt_jwks_url, clock), for_us, clock)
    answer_url = f"{settings.console_url}{SIGN_IN}/answer"
    return IdentityProvider(settings.jwt_issuer, settings.console_client_id, answer_url, sessions, clock)


def _sign_in(needed: SignInNeeded) -> Response:
    """303 to the sign-in page; a part of a page has the whole page go there."""
    path = sign_in_path(needed)
    if "HX-Request" in request.headers:
        response = Response(status=401, headers={"HX-Redirect": path})
    else:
        response = Response(status=303, headers={"Location": path})
    forget_cookie(response, COOKIE)
    return response


def _problem(console: Console, problem: Problem) -> Response:
    code = problem.code
    remedy = code.remedy if isinstance(code, Code) else ""
    response = page(
        console,
        None,
        "problem.html",
        status=problem.status,
        problem=problem,
        remedy=remedy.replace("`", ""),
        request_id=g.request_id,
    )
    for name, text in problem.headers.items():
        if name in ("Retry-After", "Allow"):
            response.headers[name] = text
    return response


def _from_werkzeug(console: Console, err: HTTPException) -> Response:
    if err.code is None or err.code >= 500:
        return _unforeseen(console, err)
    code = Code.METHOD_NOT_ALLOWED if err.code == 405 else Code.ENDPOINT_UNKNOWN
    words = "There is no such page." if err.code == 404 else err.description or err.name
    return _problem(console, Problem(err.code, words, code=code))


def _away(console: Console, err: Retry) -> Response:
    log.warning(err.message, extra={"fields": {"code": err.code}}, exc_info=err)
    detail = "The service is not available at the moment, and nothing was started. Please load the page again."
    return _problem(console, Problem(503, detail, {"Retry-After": "10"}, code=err.code))


def _misconfigured(console: Console, err: ConfigError) -> Response:
    log.critical(CANNOT_START, exc_info=err)
    return _problem(console, Problem(500, NOT_CONFIGURED, code=Code.MISCONFIGURED))


def _unforeseen(console: Console, err: Exception) -> Response:
    log.error("unforeseen error", exc_info=err)
    return _problem(console, Problem(500, "Something went wrong on our side.", code=Code.INTERNAL_ERROR))
