"""The entry points of the functions, before there is an app."""

import functools
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Request
from werkzeug.test import EnvironBuilder

from cloudact.settings import ROOT, Settings
from functions.main import _answer
from tests.conftest import Local, NewOrgs

OF_HEALTH = (
    "cloudact.error_codes",
    "cloudact.errors",
    "cloudact.installation",
    "cloudact.settings",
    "functions.web.request_ids",
    "functions.web.server_pages",
)


def test_the_first_requests_share_one_app() -> None:
    """Requests that come at once while an instance starts wait for one app, and all are answered by it."""
    built = []

    @functools.cache
    def build() -> Flask:
        time.sleep(0.05)
        built.append(Flask("one"))
        return built[-1]

    def ask(_: int) -> int:
        return _answer(build, Request(EnvironBuilder("/").get_environ())).status_code

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(ask, range(8))) == {404}
    assert len(built) == 1


def asked(target: str, settings: Settings, *requests: tuple[str, dict[str, str]]) -> Any:
    """What a new instance of a function answers: status, headers and body of each, and the modules it has then."""
    script = f"""
import json, sys
from functions_framework import create_app
client = create_app("{target}", "functions/main.py").test_client()
told = []
for path, headers in json.loads(sys.argv[1]):
    answer = client.get(path, headers=headers)
    told.append([answer.status_code, dict(answer.headers), answer.get_data(as_text=True)])
print(json.dumps([told, sorted(sys.modules)]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, json.dumps(requests)],
        cwd=ROOT,
        env=os.environ | settings.to_env(),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("target", ["api", "ops"])
def test_health_is_answered_without_the_app(local: Local, target: str) -> None:
    """A new instance says that it is well as the app says it, and has not built the app for that."""
    named = {"X-Request-ID": "r-1"}
    quick, modules = asked(target, local.settings, *((path, named) for path in ("/health", "/api/v1/health/")))
    ours = {name for name in modules if name.split(".")[0] in ("cloudact", "functions", "providers")}
    assert ours <= {*OF_HEALTH, "cloudact", "functions", "functions.web"}, ours - set(OF_HEALTH)
    assert not {"jwt", "yaml", "httpx", "google.auth"} & set(modules)
    by_app, modules = asked(target, local.settings, ("/health", named | {"Origin": "https://elsewhere.example"}))
    assert "functions.composition" in modules
    assert quick == by_app * 2


def test_a_key_costs_no_library_of_googles(local: Local, new_org: NewOrgs) -> None:
    """A first list of runs imports no client of Google's, and none of what sessions need."""
    org = new_org()
    path, key = f"/api/v1/pipelines/{org.org_slug}/runs", {"X-API-Key": org.api_key}
    ((status, _, body),), modules = asked("api", local.settings, (path, key))
    assert (status, json.loads(body)["runs"]) == (200, [])
    costly = ("google.cloud.bigquery", "google.api_core", "requests", "jwt", "cryptography", "grpc", "pyarrow")
    assert [name for name in costly if name in modules] == []


def test_a_first_list_of_runs_imports_no_other_room(local: Local, new_org: NewOrgs) -> None:
    """It costs the same however many other endpoints there are: what answers those is imported when they are asked."""
    org = new_org()
    path, key = f"/api/v1/pipelines/{org.org_slug}/runs", {"X-API-Key": org.api_key}
    ((status, _, _),), modules = asked("api", local.settings, (path, key))
    assert status == 200
    rooms = {name.split(".")[1] for name in modules if name.startswith("functions.") and name.count(".") == 2}
    assert rooms == {"auth", "runs", "web"}
    of_others = ("cloudact.anomalies", "functions.web.openapi", "functions.catalogue", "functions.health")
    assert [name for name in modules if name.startswith(of_others)] == []


def test_the_console_costs_the_api_nothing(local: Local, new_org: NewOrgs) -> None:
    """No module of the console is imported before the first of its pages is asked for."""
    org = new_org()
    path, key = f"/api/v1/pipelines/{org.org_slug}/runs", {"X-API-Key": org.api_key}
    answers, modules = asked("api", local.settings, ("/health", {}), (path, key))
    assert [status for status, _, _ in answers] == [200, 200]
    assert [name for name in modules if name.startswith("functions.console")] == []
    ((status, headers, _),), modules = asked("api", local.settings, ("/console/sign-in", {}))
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    ours = [name for name in modules if name.startswith(("functions.", "cloudact.", "providers."))]
    assert "functions.console.pages" in ours
    costly = ("google.cloud.bigquery", "google.api_core", "requests", "jwt", "cryptography", "grpc", "pyarrow")
    assert [name for name in costly if name in modules] == []


def test_a_room_that_cannot_be_built(local: Local, tmp_path: Path) -> None:
    """What a broken config stands behind says that the service is not configured; all else answers as before."""
    (tmp_path / "pipelines.yml").write_text("pipelines: 7", encoding="utf-8")
    settings = local.settings.model_copy(update={"configs_dir": tmp_path})
    answers, _ = asked("api", settings, ("/api/v1/validator/pipelines/x", {}), ("/errors/internal_error", {}))
    assert [status for status, _, _ in answers] == [500, 200]
    assert json.loads(answers[0][2])["code"] == "misconfigured"


@pytest.mark.parametrize("path", ["/console", "/console/sign-in", "/console/acme/runs"])
def test_a_deployment_may_do_without_the_console(local: Local, path: str) -> None:
    """Without its secret there is no console: the API answers as for any path that it does not have."""
    settings = local.settings.model_copy(update={"console_secret": ""})
    ((status, headers, body),), modules = asked("api", settings, (path, {}))
    assert (status, json.loads(body)["code"], headers["Content-Type"]) == (
        404,
        "endpoint_unknown",
        "application/problem+json",
    )
    assert [name for name in modules if name.startswith("functions.console")] == []
