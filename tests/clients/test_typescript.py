"""The TypeScript client: its types are those of the API, and its own tests pass, also against the local cloud."""

import json
import os
import re
import shutil
import subprocess
import time
import warnings
from pathlib import Path

import pytest

from cloudact.notify.notifier import open_signing
from cloudact.settings import ROOT
from functions.composition import compose
from functions.routes import public_app
from infra import typescript_types
from localcloud.onboarding import OnboardedOrg
from tests.conftest import FIXTURE_DAY, NOON, Local, NewOrgs, org_with_its_own_queue
from tests.served import served
from tests.sessions import bearer

FOLDER = ROOT / "clients" / "typescript"
INSTALL_WITHIN_S, TEST_WITHIN_S = 180, 200
OLDEST_NODE = 20


def test_the_types_are_those_of_the_api() -> None:
    """`python -m infra.typescript_types` was run since the OpenAPI document last changed."""
    assert typescript_types.FILE.read_text(encoding="utf-8") == typescript_types.module()


@pytest.fixture(scope="module")
def installed() -> Path:
    """The client's folder with what its tests need, which npm installs where it differs from the lock file."""
    if missing := _missing():
        warnings.warn(f"The TypeScript client is NOT TESTED: {missing}.", stacklevel=1)
        pytest.skip(missing)
    lock, done = FOLDER / "package-lock.json", FOLDER / "node_modules" / ".package-lock.json"
    if not done.exists() or done.stat().st_mtime < lock.stat().st_mtime:
        subprocess.run([_path("npm"), "ci"], cwd=FOLDER, check=True, timeout=INSTALL_WITHIN_S)
    return FOLDER


def _missing() -> str | None:
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    told = subprocess.run([_path("node"), "--version"], capture_output=True, text=True, check=True, timeout=30)
    version = told.stdout.strip().removeprefix("v")
    return None if int(version.split(".")[0]) >= OLDEST_NODE else f"Node {version} is too old"


def _path(program: str) -> str:
    return shutil.which(program) or program


@pytest.fixture
def org(local: Local, new_org: NewOrgs) -> OnboardedOrg:
    return org_with_its_own_queue(local, new_org)


@pytest.mark.timeout(INSTALL_WITHIN_S + TEST_WITHIN_S + 60)
def test_its_own_tests_pass(installed: Path, local: Local, org: OnboardedOrg) -> None:
    """Client and example compile with `--strict`, and all tests pass, none left out, while the queue fires."""
    with served(public_app(compose(local.settings, local.clock))) as url:
        env = os.environ | {"CLOUDACT_TEST_CLOUD": json.dumps(_told(local, org, url))}
        command = [_path("npm"), "test"]
        with subprocess.Popen(command, cwd=installed, env=env, stdout=subprocess.PIPE, text=True) as running:
            output = _until_the_end(local, running)
    assert running.returncode == 0, output
    counts = dict(re.findall(r"^# (pass|fail|skipped) (\d+)$", output, re.MULTILINE))
    assert (counts["fail"], counts["skipped"]) == ("0", "0")
    assert int(counts["pass"]) > 30


def _until_the_end(local: Local, running: "subprocess.Popen[str]") -> str:
    """Output of the tests; until they end, time passes and tasks are delivered."""
    give_up = time.monotonic() + TEST_WITHIN_S
    while True:
        try:
            return running.communicate(timeout=0.2)[0]
        except subprocess.TimeoutExpired:
            local.clock.advance(seconds=1)
            local.google.dispatcher.dispatch_due()
        if time.monotonic() > give_up:
            running.kill()


def _told(local: Local, org: OnboardedOrg, url: str) -> dict[str, object]:
    """What test/local.ts reads."""
    signing, body = open_signing(local.settings), '{"type":"ping","text":"ä€"}'
    return {
        "url": url,
        "org": org.org_slug,
        "key": org.api_key,
        "session": bearer(local, org.user_id)["Authorization"].removeprefix("Bearer "),
        "date": FIXTURE_DAY.isoformat(),
        "today": NOON.date().isoformat(),
        "webhook": {
            "secret": signing.secret(org.org_slug, 1),
            "header": signing.header(org.org_slug, 1, int(NOON.timestamp()), body.encode()),
            "body": body,
        },
    }
