"""Sessions of the console: a signed cookie that names a key by its hash or a person by their id, and nothing else.

What the key or the person may do is looked up with every request, as for any caller of the API: a key that is revoked,
or a member who is removed, is out within a minute. The key itself never is in the browser.
"""

import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote, urlsplit

from flask import Response, g, request

from cloudact.error_codes import Code
from cloudact.orgs.org import SLUG_RULE, is_slug
from functions.auth.authenticate import Actor, PresentedCredential, let_in
from functions.console.collaborators import Console
from functions.console.signed import Signer
from functions.web.problems import Problem, bad_request

COOKIE = "__Host-cloudact"  # a browser takes it over https or from this machine only, and for this host alone
LIFETIME = timedelta(hours=12)
KEPT = timedelta(days=7)  # the cookie outlives the session, so that whoever comes back is told that it has ended
HOME = "/console"
SIGN_IN = "/console/sign-in"
_PURPOSE = "session"
_BACK = re.compile(r"/console(/[\w%-]+)*(\?[\w.~%&=+-]*)?", re.ASCII)


class SignInNeeded(Exception):
    """Request without a session, or with one that has ended, which `ended` says."""

    def __init__(self, *, ended: bool) -> None:
        super().__init__("sign in")
        self.ended = ended


@dataclass(frozen=True)
class Session:
    """Session of a key, by its hash and its org, or of a person, by their id. `id` names the one sign-in."""

    id: str
    key_hash: str | None = None
    org_slug: str | None = None
    user_id: str | None = None

    @property
    def credential(self) -> PresentedCredential:
        """Credential as the API reads it from a request's headers."""
        return PresentedCredential(self.key_hash, self.user_id)


@dataclass(frozen=True)
class Visit:
    """Request of somebody who is signed in and may act for the org of its path."""

    session: Session
    actor: Actor
    form_token: str
    orgs: tuple[str, ...]

    @property
    def org(self) -> str:
        """Slug of the org."""
        return self.actor.org_slug

    @property
    def who(self) -> str:
        """Name of the caller as runs are recorded with it."""
        return self.actor.name

    @property
    def may_administer(self) -> bool:
        """Whether the caller may set up integrations and the webhook."""
        return self.actor.role is None or self.actor.role.admin


def key_session(key_hash: str, org_slug: str) -> Session:
    """New session of an API key."""
    return Session(secrets.token_urlsafe(12), key_hash=key_hash, org_slug=org_slug)


def user_session(user_id: str) -> Session:
    """New session of a person."""
    return Session(secrets.token_urlsafe(12), user_id=user_id)


def begin(signer: Signer, response: Response, session: Session) -> Response:
    """The response, with which the browser gets the session."""
    fields = {name: value for name, value in vars(session).items() if value is not None}
    put_cookie(response, COOKIE, signer.sign(_PURPOSE, fields, LIFETIME), KEPT)
    return response


def put_cookie(response: Response, name: str, text: str, lifetime: timedelta) -> None:
    """Has the browser keep a text that no script sees; sent along when somebody follows a link to us."""
    response.set_cookie(
        name, text, max_age=int(lifetime.total_seconds()), path="/", secure=True, httponly=True, samesite="Lax"
    )


def forget_cookie(response: Response, name: str) -> None:
    """Has the browser forget a text."""
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="Lax")


def session_of_request(signer: Signer) -> Session:
    """Session of the request's cookie. Raises `SignInNeeded` without a valid one."""
    text = request.cookies.get(COOKIE, "")
    fields = signer.read(_PURPOSE, text) if text else None
    if fields is None:
        raise SignInNeeded(ended=bool(text) and signer.ended(_PURPOSE, text))
    return Session(**{name: str(value) for name, value in fields.items() if name != "exp"})


def visit(console: Console, org: str) -> Visit:
    """Visit of the org, as far as who asks may act for it. Raises `SignInNeeded`, or a `Problem` as the API does.

    A caller whom the API does not know any more has to sign in again.
    """
    session = session_of_request(console.signer)
    if not is_slug(org):
        raise bad_request(f"org_slug must be {SLUG_RULE}.", Code.SLUG_INVALID)
    try:
        actor = let_in(console.auth, org, session.credential)
    except Problem as problem:
        if problem.status == 401:
            raise SignInNeeded(ended=True) from problem
        raise
    g.key_hash = session.key_hash
    return Visit(session, actor, console.signer.token("form", session.id), orgs_of(console, session))


def orgs_of(console: Console, session: Session) -> tuple[str, ...]:
    """Orgs that the session opens, as they are remembered for a minute."""
    if session.user_id is None:
        return (str(session.org_slug),)
    return tuple(each.org_slug for each in console.auth.members.get(session.user_id) if each.onboarded)


def back_to(path: str | None) -> str:
    """The path if it is one of the console, else its first page: nobody is sent elsewhere."""
    return path if path and len(path) <= 1000 and _BACK.fullmatch(path) and not path.startswith(SIGN_IN) else HOME


def sign_in_path(needed: SignInNeeded) -> str:
    """Path of the sign-in page from which one comes back to where one was: to the page of a form that was sent."""
    if request.method == "GET" and "HX-Request" not in request.headers:
        here = request.full_path.removesuffix("?")
    else:
        referrer = urlsplit(request.headers.get("HX-Current-URL") or request.referrer or "")
        here = referrer.path + (f"?{referrer.query}" if referrer.query else "")
    back = back_to(here)
    ended = "&ended=true" if needed.ended else ""
    return f"{SIGN_IN}?back={quote(back, safe='')}{ended}"
