"""Sign-in and sign-out: with an API key, at the identity provider, or by one click where a setting names a person."""

import logging
from dataclasses import asdict
from datetime import timedelta
from urllib.parse import urlencode

from flask import Response, request

from cloudact import logs
from cloudact.error_codes import Code
from cloudact.orgs.org import KEY, key_hash
from functions.auth.api_keys import authorize, invalid_key
from functions.console.collaborators import Console
from functions.console.forms import read_form, read_open_form
from functions.console.identity import Attempt
from functions.console.pages import go, page
from functions.console.sessions import (
    COOKIE,
    HOME,
    SIGN_IN,
    Session,
    SignInNeeded,
    back_to,
    begin,
    forget_cookie,
    key_session,
    orgs_of,
    put_cookie,
    session_of_request,
    user_session,
)
from functions.web.problems import Problem

log = logging.getLogger(__name__)
ATTEMPT = "__Host-cloudact-attempt"
ATTEMPT_LIFETIME = timedelta(minutes=10)
_WRONG_WAY = "People do not sign in this way here."


def show_home(console: Console) -> Response:
    """303 to the first page of the org, or the choice of several."""
    session = session_of_request(console.signer)
    orgs = orgs_of(console, session)
    if len(orgs) == 1:
        return go(f"{HOME}/{orgs[0]}")
    return page(console, None, "orgs.html", orgs=orgs, form_token=console.signer.token("form", session.id))


def show_sign_in(console: Console) -> Response:
    """200 with the ways to sign in."""
    return _sign_in(console, back_to(request.args.get("back")), ended=request.args.get("ended") == "true")


def sign_in_with_key(console: Console) -> Response:
    """303 to where one was, with a session of the key; 401 with the form again for a key that opens nothing."""
    form = read_open_form()
    back = back_to(form.get("back"))
    try:
        session = _session_of_key(console, form.get("api_key", ""))
    except Problem as problem:
        if problem.status >= 500:
            raise
        return _sign_in(console, back, problem=problem)
    return begin(console.signer, go(back if _is_of(back, session) else HOME), session)


def sign_in_demo(console: Console) -> Response:
    """303 with a session of the person whom a setting names; 404 where it names nobody."""
    form = read_open_form()
    if not console.demo_user:
        raise Problem(404, _WRONG_WAY, code=Code.ENDPOINT_UNKNOWN)
    return begin(console.signer, go(back_to(form.get("back"))), user_session(console.demo_user))


def ask_identity(console: Console) -> Response:
    """303 to the identity provider; 404 where there is none."""
    if console.identity is None:
        raise Problem(404, _WRONG_WAY, code=Code.ENDPOINT_UNKNOWN)
    attempt, back = Attempt.new(), back_to(request.args.get("back"))
    response = go(console.identity.address(attempt))
    text = console.signer.sign("attempt", {**asdict(attempt), "back": back}, ATTEMPT_LIFETIME)
    put_cookie(response, ATTEMPT, text, ATTEMPT_LIFETIME)
    return response


def answer_identity(console: Console) -> Response:
    """303 to where one was, after the identity provider has said who it is; else the sign-in page says why not."""
    fields = console.signer.read("attempt", request.cookies.get(ATTEMPT, ""))
    back = back_to(str(fields["back"])) if fields else HOME
    try:
        if console.identity is None or fields is None or "code" not in request.args:
            raise Problem(401, "The sign-in was not completed. Please sign in again.", code=Code.SESSION_INVALID)
        attempt = Attempt(*(str(fields[name]) for name in ("state", "nonce", "verifier")))
        user_id = console.identity.user_id(attempt, request.args.get("state", ""), request.args["code"])
        response = begin(console.signer, go(back), user_session(user_id))
    except Problem as problem:
        log.warning("a sign-in was not completed", extra={"fields": {"code": problem.code}})
        response = _sign_in(console, back, problem=problem)
    forget_cookie(response, ATTEMPT)
    return response


def sign_out(console: Console) -> Response:
    """303 to the sign-in page, without the session."""
    try:
        session = session_of_request(console.signer)
    except SignInNeeded:
        return go(SIGN_IN)
    read_form(console, session)
    response = go(SIGN_IN)
    forget_cookie(response, COOKIE)
    return response


def _session_of_key(console: Console, api_key: str) -> Session:
    """Session of a key that opens an org. Raises the 401 of the API, and 429 while too many look-ups have failed."""
    match = KEY.fullmatch(api_key)
    if match is None:
        raise invalid_key()
    hashed, org = key_hash(api_key), match[1]
    key = console.auth.keys.get(hashed)
    authorize(org, key, console.clock())
    logs.bind(org_slug=org)
    return key_session(hashed, org)


def _is_of(back: str, session: Session) -> bool:
    """Whether the path is of the session's org: who signs in with a key of another one begins at its first page."""
    return back == HOME or f"{back}/".startswith((f"{HOME}/{session.org_slug}/", f"{HOME}/{session.org_slug}?"))


def _sign_in(console: Console, back: str, *, ended: bool = False, problem: Problem | None = None) -> Response:
    identity = f"{SIGN_IN}/identity?{urlencode({'back': back})}" if console.identity else ""
    response = page(
        console,
        None,
        "sign_in.html",
        status=problem.status if problem else 200,
        back=back,
        ended=ended,
        problem=problem.detail if problem else "",
        identity=identity,
        demo=bool(console.demo_user),
    )
    if problem:
        response.headers.extend({name: text for name, text in problem.headers.items() if name == "Retry-After"})
    return response
