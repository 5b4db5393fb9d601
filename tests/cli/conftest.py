"""The command line against the real functions, served over HTTP, and against servers that misbehave."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask, Response

from cli.program import cloudact
from functions.auth.service_accounts import Caller
from functions.composition import compose
from functions.ops_routes import private_app
from functions.routes import public_app
from localcloud.onboarding import OnboardedOrg
from tests.conftest import Local, NewOrgs
from tests.functions.operators import AUDIENCE, operator_token
from tests.served import served

OURS = ("API_URL", "OPS_URL", "ORG", "API_KEY", "TOKEN", "OPS_TOKEN", "OPS_TOKEN_COMMAND", "CONFIG")


@dataclass(frozen=True)
class Shell:
    """Where someone types commands; there is no terminal."""

    environment: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, stdin: str = "", **changes: str) -> Result:
        """Runs `cloudact` with the environment, and what is changed of it."""
        env = dict.fromkeys(f"CLOUDACT_{name}" for name in OURS) | self.environment | changes
        return CliRunner(env=env).invoke(cloudact, arguments, input=stdin, prog_name="cloudact")

    def json(self, *arguments: str, **options: Any) -> Any:
        """The one document on standard output."""
        done = self(*arguments, "--json", **options)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def of(self, org: OnboardedOrg) -> "Shell":
        """The same with a key."""
        return Shell(self.environment | {"CLOUDACT_API_KEY": org.api_key})


@pytest.fixture(scope="session")
def urls(session_cloud: Local) -> Iterator[dict[str, str]]:
    """Both functions, as the environment tells of them."""
    settings = session_cloud.settings.model_copy(update={"ops_audience": AUDIENCE})
    api = compose(settings, session_cloud.clock)
    with served(public_app(api)) as api_url, served(private_app(api, Caller(settings))) as ops_url:
        yield {"CLOUDACT_API_URL": api_url, "CLOUDACT_OPS_URL": ops_url}


@pytest.fixture
def shell(urls: dict[str, str], local: Local, tmp_path: Path) -> Shell:
    """A shell that knows both functions and has a token for `ops`."""
    home = {"XDG_CONFIG_HOME": str(tmp_path)}
    return Shell(urls | home | {"CLOUDACT_OPS_TOKEN": operator_token(local)})


@pytest.fixture
def org(new_org: NewOrgs) -> OnboardedOrg:
    return new_org()


@pytest.fixture
def customer(shell: Shell, org: OnboardedOrg) -> Shell:
    """A shell with the key of a new org."""
    return shell.of(org)


@dataclass
class Stub:
    """A server that gives one prepared answer after the other, and the last one for ever."""

    url: str
    answers: list[Response] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    queries: list[dict[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture
def stub(tmp_path: Path) -> Iterator[Callable[..., tuple[Stub, Shell]]]:
    """Prepares such a server and a shell that knows it."""
    found = Stub("")
    app = Flask("stub")

    @app.route("/<path:path>", methods=["GET", "POST", "DELETE"])
    def answer(path: str) -> Response:
        from flask import request

        found.asked.append((request.method, path))
        found.queries.append(request.args.to_dict())
        found.headers.append(dict(request.headers))
        return found.answers.pop(0) if len(found.answers) > 1 else found.answers[0]

    def prepare(answers: Sequence[Response]) -> tuple[Stub, Shell]:
        found.answers = [*answers]
        known = {"CLOUDACT_API_URL": found.url, "CLOUDACT_ORG": "acme", "CLOUDACT_API_KEY": "acme_api_" + "k" * 43}
        return found, Shell(known | {"XDG_CONFIG_HOME": str(tmp_path)})

    with served(app) as found.url:
        yield prepare
