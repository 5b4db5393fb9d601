"""Session tokens: which are believed, and what members of orgs may do with them."""

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from flask.testing import FlaskClient

from cloudact import clients
from cloudact.errors import ConfigError, Retry
from cloudact.orgs.members import Role
from cloudact.runs.run import TriggerType
from cloudact.settings import Settings
from functions.auth.api_keys import OTHER_ORG
from functions.auth.authenticate import NOT_ONBOARDED, Actor
from functions.auth.sessions import PublicKeys, Sessions
from functions.composition import compose
from functions.routes import public_app
from functions.web.problems import Problem
from localcloud.google_apis.rest.faults import Fault
from localcloud.onboarding import add_member
from tests.conftest import FIXTURE_DAY, NOON, Local, NewOrgs, SteppedClock
from tests.functions.operators import Operator
from tests.sessions import bearer

ISSUER, USER = "https://auth.example.com/auth/v1", "0b5c8f1e-7a40-4b6e-8a53-2f1f2a1c9d10"
CLAIMS = {"iss": ISSUER, "aud": "authenticated", "sub": USER, "exp": NOON.timestamp() + 60}
MAKES_KEY: dict[str, Callable[[], Any]] = {
    "RS256": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}
SECRET = "s" * 32
FORGED = 23  # tokens


@cache
def key_for(algorithm: str) -> Any:
    """The provider's key; made when it is asked for, not in every worker that imports this file."""
    return MAKES_KEY[algorithm]()


class IdentityProvider:
    """A JWKS endpoint that counts how often it is asked."""

    def __init__(self) -> None:
        self.asked, self.takes_s = 0, 0.0
        self.keys = [jwk(name, key_for(name)) for name in MAKES_KEY]
        provider = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked += 1
                time.sleep(provider.takes_s)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps({"keys": provider.keys}).encode())

            def log_message(self, *_: Any) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.url = f"http://127.0.0.1:{self._server.server_port}/jwks.json"
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def jwk(name: str, key: Any, **changes: Any) -> dict[str, Any]:
    public = jwt.get_algorithm_by_name(name).to_jwk(key.public_key())
    return {**json.loads(public), "kid": name, "alg": name, "use": "sig"} | changes


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    provider = IdentityProvider()
    yield provider
    provider.stop()


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


def sessions(local: Local, provider: IdentityProvider, clock: SteppedClock) -> Sessions:
    settings = local.settings.model_copy(update={"jwt_issuer": ISSUER, "jwt_jwks_url": provider.url})
    return Sessions(PublicKeys(provider.url, clock), settings, clock)


def token(algorithm: str = "ES256", key: Any = None, kid: str | None = None, **claims: Any) -> str:
    headers = {"kid": kid or algorithm}
    wanted = {name: value for name, value in (CLAIMS | claims).items() if value is not None}
    return jwt.encode(wanted, key or key_for(algorithm), algorithm, headers)


def refused(believes: Callable[[str], str], forged: str) -> bool:
    with pytest.raises(Problem) as refusal:
        believes(forged)
    return (refusal.value.status, refusal.value.detail) == (401, "Invalid session token")


@pytest.mark.parametrize("algorithm", MAKES_KEY)
def test_sessions_by_public_key(local: Local, provider: IdentityProvider, clock: SteppedClock, algorithm: str) -> None:
    """A token signed by one of the provider's keys speaks for its subject."""
    assert sessions(local, provider, clock).user_id(token(algorithm)) == USER


WRONG_CLAIMS = [
    {"iss": "https://elsewhere.example.com"}, {"iss": None}, {"aud": "anon"}, {"aud": None}, {"sub": None},
    {"sub": ""}, {"sub": "a b"}, {"sub": "a\0"}, {"sub": "x" * 129}, {"exp": None}, {"exp": NOON.timestamp() - 11},
    {"exp": "tomorrow"}, {"exp": True}, {"exp": 1e300}, {"exp": 10**400}, {"exp": float("inf")},
    {"nbf": NOON.timestamp() + 11}, {"iat": NOON.timestamp() + 11}, {"iat": {}}, {"exp": []},
]  # fmt: skip


@pytest.mark.parametrize("claims", WRONG_CLAIMS, ids=lambda claims: str(claims)[:40])
def test_claims_that_are_not_a_session(
    local: Local, provider: IdentityProvider, clock: SteppedClock, claims: dict[str, Any]
) -> None:
    """A well-signed token of another issuer, audience or time, or without a subject, is refused."""
    assert refused(sessions(local, provider, clock).user_id, token(**claims))


def test_clocks_may_differ_a_little(local: Local, provider: IdentityProvider, clock: SteppedClock) -> None:
    """Ten seconds of difference between the clocks refuse nobody."""
    at = NOON.timestamp()
    assert sessions(local, provider, clock).user_id(token(exp=at - 9, nbf=at + 9, iat=at + 9)) == USER


def unsigned(header: dict[str, Any]) -> str:
    parts = (json.dumps(part).encode() for part in (header, CLAIMS))
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."


def signed_with(secret: bytes) -> str:
    """HS256 with any bytes, which PyJWT refuses to make of a public key."""
    text = unsigned({"alg": "HS256", "kid": "RS256"})
    signature = hmac.digest(secret, text[:-1].encode(), "sha256")
    return text + base64.urlsafe_b64encode(signature).rstrip(b"=").decode()


@cache
def confused() -> list[str]:
    public = key_for("RS256").public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return [
        signed_with(json.dumps(jwk("RS256", key_for("RS256"))).encode()),
        signed_with(pem),
        token("HS256", key=SECRET.encode(), kid="ES256"),
        token("ES256", kid="RS256"),
        token("RS256", kid="ES256"),
        token("ES256", key=MAKES_KEY["ES256"]()),
        token("RS256", key=MAKES_KEY["RS256"]()),
        token("ES256", kid="unknown"),
        unsigned({"alg": "none", "typ": "JWT", "kid": "ES256"}),
        unsigned({"alg": "None", "kid": "ES256"}),
        unsigned({"alg": "ES256", "kid": "ES256"}),
        unsigned({"alg": "ES256"}),
        unsigned({"kid": ["ES256"]}),
        token() + "x",
        token().rpartition(".")[0],
        "", "a.b.c", "....", "é.é.é", "x" * 10_000, "[" * 5000, "eyJhbGciOiJub25lIn0.e30.",
        f"{base64.urlsafe_b64encode(b'[' * 3000).decode()}.e30.x",
    ]  # fmt: skip


@pytest.mark.parametrize("number", range(FORGED))
def test_forged_tokens(local: Local, provider: IdentityProvider, clock: SteppedClock, number: int) -> None:
    """`none`, a public key used as a secret, another key's algorithm, and rubbish are refused alike."""
    assert len(confused()) == FORGED
    assert refused(sessions(local, provider, clock).user_id, confused()[number])


def test_keys_that_are_not_for_sessions(local: Local, provider: IdentityProvider, clock: SteppedClock) -> None:
    """A shared secret in the key set, or a key for encryption, verifies nothing."""
    secret = base64.urlsafe_b64encode(SECRET.encode()).rstrip(b"=").decode()
    provider.keys = [
        {"kty": "oct", "k": secret, "kid": "HS256", "alg": "HS256"},
        jwk("ES256", key_for("ES256"), use="enc"),
        jwk("RS256", key_for("RS256")),
    ]
    believes = sessions(local, provider, clock).user_id
    assert believes(token("RS256")) == USER
    assert refused(believes, token("HS256", key=SECRET.encode()))
    assert refused(believes, token("ES256"))


def test_keys_are_fetched_once(local: Local, provider: IdentityProvider, clock: SteppedClock) -> None:
    """Ten minutes of sessions cost one request to the provider, and the next one asks again."""
    believes = sessions(local, provider, clock).user_id
    for _ in range(3):
        assert believes(token(exp=NOON.timestamp() + 3600)) == USER
        clock.advance(minutes=3)
    assert provider.asked == 1
    clock.advance(minutes=2)
    assert believes(token(exp=NOON.timestamp() + 3600)) == USER
    assert provider.asked == 2


def test_a_rotated_key_is_found(local: Local, provider: IdentityProvider, clock: SteppedClock) -> None:
    """A key that is new to us is fetched with the first token it signed."""
    new = ec.generate_private_key(ec.SECP256R1())
    believes = sessions(local, provider, clock).user_id
    assert believes(token()) == USER
    provider.keys.append(jwk("ES256", new, kid="new"))
    clock.advance(seconds=5)
    assert believes(token(key=new, kid="new")) == USER


def test_a_withdrawn_key_ends(local: Local, provider: IdentityProvider, clock: SteppedClock) -> None:
    """A key that the provider no longer shows is refused ten minutes later."""
    believes = sessions(local, provider, clock).user_id
    assert believes(token(exp=NOON.timestamp() + 3600)) == USER
    provider.keys = provider.keys[:1]
    clock.advance(minutes=10)
    assert refused(believes, token(exp=NOON.timestamp() + 3600))


def test_made_up_key_ids_do_not_reach_the_provider(
    local: Local, provider: IdentityProvider, clock: SteppedClock
) -> None:
    """However many unknown key ids arrive, the provider is asked once in five seconds."""
    believes = sessions(local, provider, clock).user_id
    for number in range(50):
        assert refused(believes, token(kid=str(number)))
    assert provider.asked == 1
    clock.advance(seconds=5)
    for number in range(50):
        assert refused(believes, token(kid=str(number)))
    assert provider.asked == 2


def test_an_outage_of_the_provider(local: Local, provider: IdentityProvider, clock: SteppedClock) -> None:
    """Known keys go on for a day; a token that cannot be judged is 503, not 401."""
    believes = sessions(local, provider, clock).user_id
    later = token(exp=NOON.timestamp() + 200_000)
    assert believes(later) == USER
    provider.stop()
    clock.advance(hours=23)
    assert believes(later) == USER
    clock.advance(minutes=1)
    with pytest.raises(Retry):
        believes(token(kid="new", exp=NOON.timestamp() + 200_000))
    clock.advance(hours=2)
    with pytest.raises(Retry):
        believes(later)


def test_a_key_set_that_is_none(local: Local, provider: IdentityProvider, clock: SteppedClock) -> None:
    """What the provider answers instead of a key set is an outage; a set without a usable key is an answer."""
    wrong: tuple[tuple[Any, type[Exception]], ...] = (
        ("x", Retry),
        (None, Retry),
        ([], Problem),
        ([{"kty": "oct"}], Retry),
        ([{}], Problem),
    )
    for keys, told in wrong:
        provider.keys = keys
        with pytest.raises(told):
            sessions(local, provider, clock).user_id(token())


def test_a_withdrawn_last_key_is_not_believed(local: Local, provider: IdentityProvider, clock: SteppedClock) -> None:
    """When the provider publishes no key any more, sessions end within the ten minutes that a set is kept."""
    believes = sessions(local, provider, clock).user_id
    assert believes(token()) == USER
    provider.keys = []
    clock.advance(minutes=11)
    with pytest.raises(Problem):
        believes(token(exp=clock().timestamp() + 60))


def test_a_cold_instance_lets_everybody_wait_for_the_keys(
    local: Local, provider: IdentityProvider, clock: SteppedClock
) -> None:
    """Sessions that arrive while the keys are fetched wait for them instead of being refused."""
    provider.takes_s = 0.3
    believes = sessions(local, provider, clock).user_id
    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(lambda _: believes(token()), range(6))) == {USER}
    assert provider.asked == 1


@pytest.fixture
def by_secret(local: Local) -> Settings:
    """A deployment whose sessions are signed with a secret in Secret Manager."""
    manager = clients.secret_manager(local.settings)
    parent, name = f"projects/{local.settings.project}", f"jwt-{next(local.numbers)}"
    kind: dict[str, Any] = {"replication": {"automatic": {}}}
    secret = manager.call("POST", f"v1/{parent}/secrets", kind, query={"secretId": name}, patience_s=10)
    version = add_version(local, secret["name"], f"{SECRET}\n".encode())
    changes = {"jwt_issuer": ISSUER, "jwt_jwks_url": "", "jwt_secret": version}
    return local.settings.model_copy(update=changes)


def add_version(local: Local, secret: str, data: bytes) -> str:
    """Adds a version to the secret and answers its name."""
    payload = {"payload": {"data": base64.b64encode(data).decode()}}
    manager = clients.secret_manager(local.settings)
    return str(manager.call("POST", f"v1/{secret}:addVersion", payload, patience_s=10)["name"])


def secret_token(**claims: Any) -> str:
    return jwt.encode(CLAIMS | claims, SECRET, "HS256")


def test_sessions_by_secret(local: Local, by_secret: Settings) -> None:
    """HS256 with the secret is believed, read once per instance; every other algorithm is refused."""
    local.google.traffic.reset()
    believes = compose(by_secret, local.clock).runs.auth.sessions.user_id
    assert local.google.traffic.summary() == {}
    for _ in range(3):
        assert believes(secret_token()) == USER
    assert local.google.traffic.summary() == {"secrets.AccessSecretVersion": {"calls": 1, "200": 1}}
    for forged in (
        token("ES256"),
        token("RS256"),
        jwt.encode(CLAIMS, "t" * 32, "HS256"),
        jwt.encode(CLAIMS, SECRET * 2, "HS512"),
        unsigned({"alg": "none"}),
    ):
        assert refused(believes, forged)


def test_secret_manager_is_away(local: Local, by_secret: Settings) -> None:
    """While the secret cannot be read nobody is refused for good; then it is read."""
    soon = by_secret.model_copy(update={"timeout_factor": 1.0})
    believes = compose(soon, local.clock).runs.auth.sessions.user_id
    local.google.faults.add(Fault(api="secrets", kind="error", status=503))
    try:
        with pytest.raises(Retry):
            believes(secret_token())
    finally:
        local.google.faults.clear()
    assert believes(secret_token()) == USER


def test_a_secret_that_cannot_be_used(local: Local, by_secret: Settings) -> None:
    """A version that does not exist and a secret too short to be one are mistakes of the deployment."""
    parent = by_secret.jwt_secret.rpartition("/versions/")[0]
    add_version(local, parent, b"short")
    for number in ("2", "3"):
        settings = by_secret.model_copy(update={"jwt_secret": f"{parent}/versions/{number}"})
        with pytest.raises(ConfigError):
            compose(settings, local.clock).runs.auth.sessions.user_id(secret_token())


@pytest.mark.parametrize(
    ("env", "named"),
    [
        (
            {"JWT_ISSUER": ISSUER, "JWT_JWKS_URL": "https://x", "JWT_SECRET": "projects/p/secrets/s/versions/1"},
            "SECRET",
        ),
        ({"JWT_SECRET": "projects/p/secrets/s/versions/1"}, "ISSUER"),
        ({"JWT_JWKS_URL": "https://x"}, "ISSUER"),
        ({"JWT_ISSUER": ISSUER, "JWT_SECRET": "the secret itself"}, "projects/…/secrets/…/versions/…"),
    ],
)
def test_one_way_to_verify(local: Local, env: dict[str, str], named: str) -> None:
    """Two ways at once, one without its issuer, or a secret in the place of its name stop the deployment."""
    base = {name: value for name, value in local.settings.to_env().items() if "_JWT_" not in name}
    with pytest.raises(ConfigError, match=named) as refusal:
        Settings.from_env(base | {f"CLOUDACT_{name}": value for name, value in env.items()})
    assert "the secret itself" not in str(refusal.value)


def test_a_deployment_without_people(local: Local, new_org: NewOrgs) -> None:
    """Where nothing is configured, no token is a session."""
    org = new_org()
    nobody = local.settings.model_copy(update={"jwt_jwks_url": ""})
    api = public_app(compose(nobody, local.clock)).test_client()
    answer = api.get(f"/api/v1/pipelines/{org.org_slug}/runs", headers=bearer(local, org.user_id))
    assert (answer.status_code, answer.get_json()["detail"]) == (401, "Invalid session token")


# What members may do


def test_the_frontend_needs_no_key(api: FlaskClient, local: Local, new_org: NewOrgs) -> None:
    """The five actions of the frontend work with a session token alone, and the run says whose it is."""
    org = new_org()
    add_member(local.settings, org.org_slug, USER, "member")
    session, base = bearer(local, USER), "/api/v1/pipelines"
    assert api.get("/api/v1/validator/pipelines", headers=session).get_json()["total"] == 3
    first = api.post(f"{base}/run/{org.org_slug}/gcp/cost/billing", headers=session, json={})
    again = api.post(f"{base}/run/{org.org_slug}/gcp/billing", headers=session, json={"date": FIXTURE_DAY.isoformat()})
    assert (first.status_code, again.status_code) == (202, 202)
    listed = api.get(f"{base}/{org.org_slug}/runs", headers=session).get_json()
    assert (listed["total"], {run["trigger_type"] for run in listed["runs"]}) == (2, {"user"})
    detail = api.get(f"{base}/{org.org_slug}/runs/{first.get_json()['run_id']}", headers=session).get_json()
    assert (detail["triggered_by"], "@" in json.dumps(listed)) == (USER, False)


def test_a_trigger_by_a_person_costs_one_query(api: FlaskClient, local: Local, new_org: NewOrgs) -> None:
    """Membership comes with the same one read as everything else, once the person is known to the instance."""
    org = new_org()
    session = bearer(local, org.user_id)
    assert api.get(f"/api/v1/organizations/{org.org_slug}/quota", headers=session).status_code == 200
    local.clock.advance(minutes=2)
    requests.delete(f"{local.settings.bigquery_endpoint}/local/requests", timeout=5)
    assert api.post(f"/api/v1/pipelines/run/{org.org_slug}/gcp/cost/billing", headers=session).status_code == 202
    assert api.get(f"/api/v1/pipelines/{org.org_slug}/runs/x", headers=session).status_code == 404
    counted = requests.get(f"{local.settings.bigquery_endpoint}/local/requests", timeout=5).json()["requests"]
    assert counted == {"jobs.query": 1, "tabledata.insertAll": 1}


def test_strangers(api: FlaskClient, local: Local, new_org: NewOrgs) -> None:
    """A non-member gets the answer that another org's key gets, whether or not the org exists."""
    org, other = new_org(), new_org()
    for slug in (org.org_slug, "nowhere_at_all"):
        for method, path in (("GET", f"{slug}/runs"), ("POST", f"run/{slug}/gcp/cost/billing")):
            answer = api.open(f"/api/v1/pipelines/{path}", method=method, headers=bearer(local, other.user_id))
            assert (answer.status_code, answer.get_json()["detail"]) == (403, OTHER_ORG)


@pytest.mark.parametrize("role", ["removed", "Owner", ""])
def test_the_newest_row_is_the_role(api: FlaskClient, local: Local, new_org: NewOrgs, role: str) -> None:
    """A newer row with another word ends a membership, within a minute for whoever was seen before."""
    org = new_org()
    path, session = f"/api/v1/pipelines/{org.org_slug}/runs", bearer(local, org.user_id)
    assert api.get(path, headers=session).status_code == 200
    add_member(local.settings, org.org_slug, org.user_id, role)
    local.clock.advance(seconds=61)
    assert api.get(path, headers=session).status_code == 403


def test_an_org_that_was_never_onboarded(api: FlaskClient, local: Local) -> None:
    """A member of an org without a key is told to finish onboarding; others are told nothing."""
    slug = f"unfinished_{next(local.numbers)}"
    add_member(local.settings, slug, USER, "owner")
    for method, path in (("GET", f"{slug}/runs"), ("POST", f"run/{slug}/gcp/cost/billing")):
        answer = api.open(f"/api/v1/pipelines/{path}", method=method, headers=bearer(local, USER))
        assert (answer.status_code, answer.get_json()["detail"]) == (401, NOT_ONBOARDED)
    answer = api.get(f"/api/v1/pipelines/{slug}/runs", headers=bearer(local, "somebody-else"))
    assert (answer.status_code, answer.get_json()["detail"]) == (403, OTHER_ORG)


def test_an_org_that_was_off_boarded(api: FlaskClient, local: Local, new_org: NewOrgs) -> None:
    """With its keys, an off-boarded org's members are shut out too: they are members no more."""
    org = new_org()
    compose(local.settings, local.clock).operations.onboarding.offboard(org.org_slug, delete_data=False)
    answer = api.get(f"/api/v1/pipelines/{org.org_slug}/runs", headers=bearer(local, org.user_id))
    assert (answer.status_code, answer.get_json()["detail"]) == (403, OTHER_ORG)


def test_a_key_and_a_session(api: FlaskClient, local: Local, new_org: NewOrgs) -> None:
    """Both at once leave open who acts: 400. A scheme that is not Bearer is no session."""
    org = new_org()
    path, key = f"/api/v1/pipelines/{org.org_slug}/runs", {"X-API-Key": org.api_key}
    both = api.get(path, headers=key | bearer(local, org.user_id))
    assert (both.status_code, both.get_json()["detail"].startswith("X-API-Key and Authorization")) == (400, True)
    assert api.get(path, headers=key | {"Authorization": "Basic eA=="}).status_code == 200
    assert api.get(path, headers={"Authorization": "Bearer"}).get_json()["detail"] == "Invalid session token"


def test_roles() -> None:
    """Owners, admins and machines may administer; members may not."""
    for role in (Role.OWNER, Role.ADMIN, None):
        Actor("acmecorp", TriggerType.USER, USER, role).require_admin()
    with pytest.raises(Problem) as refusal:
        Actor("acmecorp", TriggerType.USER, USER, Role.MEMBER).require_admin()
    assert refusal.value.status == 403


def test_operators_decide_who_belongs(api: FlaskClient, local: Local, new_org: NewOrgs) -> None:
    """A member that ops adds may act within a minute, one that it removes no longer; other words are refused."""
    org, user, operator = new_org(), f"user-{next(local.numbers)}", Operator(local)
    quota = f"/api/v1/organizations/{org.org_slug}/quota"
    path = f"/{org.org_slug}/members/{user}"
    assert api.get(quota, headers=bearer(local, user)).status_code == 403
    assert operator.call("PUT", path, json={"role": "admin"}).get_json()["role"] == "admin"
    local.clock.advance(seconds=61)
    assert api.get(quota, headers=bearer(local, user)).status_code == 200
    assert operator.call("DELETE", path).status_code == 200
    local.clock.advance(seconds=61)
    assert api.get(quota, headers=bearer(local, user)).status_code == 403
    for wrong in ({"role": "king"}, {}, {"role": None}):
        assert operator.call("PUT", path, json=wrong).status_code == 400


def test_of_two_roles_at_once_the_lesser_counts(api: FlaskClient, local: Local, new_org: NewOrgs) -> None:
    """Rows of the same instant are decided for the one that allows less."""
    org, user = new_org(), f"user-{next(local.numbers)}"
    rows = [
        {"org_slug": org.org_slug, "user_id": user, "role": role, "created_at": NOON.isoformat()}
        for role in ("owner", "removed", "admin")
    ]
    local.warehouse.append("org_members", rows, [f"{user}/{row['role']}" for row in rows])
    path = f"/api/v1/organizations/{org.org_slug}/quota"
    assert api.get(path, headers=bearer(local, user)).status_code == 403
