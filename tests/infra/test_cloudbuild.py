"""cloudbuild.yaml: what Cloud Build accepts, in the right order, nothing unpinned; and the real gcloud submits it."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from google.cloud.devtools import cloudbuild_v1
from google.protobuf import json_format

from cloudact.settings import ROOT
from tests.packaging.checkout import checkout_files, copy_files

TEXT = (ROOT / "cloudbuild.yaml").read_text(encoding="utf-8")
BUILT_IN = {"PROJECT_ID", "BUILD_ID", "COMMIT_SHA"}
ORDER = ["check", "test", "image", "deploy"]
BUILDER = "projects/demo/serviceAccounts/cloudact-builder@demo.iam.gserviceaccount.com"


def build() -> Any:
    """The file as Cloud Build's own message; what that does not know is an error."""
    return cloudbuild_v1.Build.wrap(json_format.ParseDict(yaml.safe_load(TEXT), cloudbuild_v1.Build()._pb))


def test_typing_errors_are_seen() -> None:
    """The message refuses unknown fields, so this test is worth something."""
    with pytest.raises(json_format.ParseError, match="waitfor"):
        json_format.ParseDict({"steps": [{"waitfor": ["-"]}]}, cloudbuild_v1.Build()._pb)


def test_steps_follow_each_other() -> None:
    """Each waits for the one before: nothing is built untested, nothing deployed unbuilt."""
    steps = build().steps
    assert [step.id for step in steps] == ORDER
    assert [list(step.wait_for) for step in steps] == [["-"], *([before] for before in ORDER[:-1])]


def test_every_program_is_pinned() -> None:
    """By digest; and what is tested runs on the very Python that the image has."""
    steps = {step.id: step.name for step in build().steps}
    for other in (ROOT / "infra").glob("*cloudbuild.yaml"):
        steps |= {f"{other} {at}": step["name"] for at, step in enumerate(yaml.safe_load(other.read_text())["steps"])}
    assert all(re.fullmatch(r"[\w./:-]+@sha256:[0-9a-f]{64}", name) for name in steps.values()), steps
    base = (ROOT / "jobs" / "Dockerfile").read_text(encoding="utf-8").split("\nFROM ")[1].splitlines()[0]
    assert {steps["check"], steps["test"]} == {base}


def test_substitutions_are_ours_and_used() -> None:
    """Each that is used is Google's or has a default; none is defined for nothing, which Cloud Build refuses."""
    used = set(re.findall(r"\$\{([A-Z_]+)\}", TEXT))
    assert used - BUILT_IN == set(build().substitutions)
    assert all(re.fullmatch("_[A-Z0-9_]+", name) for name in build().substitutions)


def test_it_runs_as_its_own_service_account() -> None:
    """Not the default one; its logs then go to Cloud Logging."""
    told = build()
    assert told.service_account.startswith("projects/${PROJECT_ID}/serviceAccounts/${_BUILDER}@")
    assert told.options.logging is cloudbuild_v1.BuildOptions.LoggingMode.CLOUD_LOGGING_ONLY
    assert 1800 <= told.timeout.total_seconds() <= 86400


@pytest.mark.parametrize("name", ORDER)
def test_scripts(name: str) -> None:
    """Strict bash that shellcheck finds nothing in, free of substitutions; the programs of ours that it calls exist."""
    (script,) = [step.script for step in build().steps if step.id == name]
    assert script.startswith("#!/usr/bin/env bash\nset -euo pipefail\n")
    assert "${_" not in script
    shellcheck = [str(Path(sys.executable).parent / "shellcheck"), "-"]
    done = subprocess.run(shellcheck, input=script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    for path in re.findall(r"infra/[\w/]+\.sh", script):
        assert os.access(ROOT / path, os.X_OK), path
    targets = re.findall(r"^make (\w+)$", script, re.MULTILINE)
    assert all(f"\n{target}: " in (ROOT / "Makefile").read_text(encoding="utf-8") for target in targets)


def test_the_image_goes_by_digest() -> None:
    """What is deployed is what the registry says that it has; and then asked whether it works."""
    scripts = {step.id: step.script for step in build().steps}
    assert "{{index .RepoDigests 0}}" in scripts["image"]
    assert scripts["deploy"].endswith(' --image "$(cat image.txt)"\n')


DOCKER = """#!/usr/bin/env bash
echo "$@" >>calls
[[ $1 != inspect ]] || echo "${@: -1}$DIGEST"
"""


@pytest.mark.parametrize(
    ("commit", "digest", "code"), [("", "@sha256:1", 0), ("f00d", "@sha256:1", 0), ("f00d", "", 1)]
)
def test_what_the_image_is_called(commit: str, digest: str, code: int, tmp_path: Path) -> None:
    """Region, project and repository come from the settings, the tag is commit or build; without a digest it fails."""
    (tmp_path / "docker").write_text(DOCKER)
    (tmp_path / "docker").chmod(0o755)
    (tmp_path / "env").write_text("# REGION=x\nPROJECT=acme\nREGION=europe-west1\nREPOSITORY=images\n")
    (script,) = [step.script for step in build().steps if step.id == "image"]
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin", "SETTINGS": "env", "REVISION": commit, "BUILD": "b-1", "DIGEST": digest}
    done = subprocess.run(
        ["/bin/bash", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    image = f"europe-west1-docker.pkg.dev/acme/images/runner:{commit or 'b-1'}"
    assert (done.returncode, done.stdout) == (code, f"{image}{digest}\n")
    assert (tmp_path / "calls").read_text().splitlines()[1] == f"push {image}"


class Recorder(BaseHTTPRequestHandler):
    """As much of Cloud Storage and Cloud Build as `gcloud builds submit --async` asks."""

    builds: list[dict[str, Any]]
    sources: list[bytes]

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        bucket = {"kind": "storage#bucket", "id": "demo_source", "name": "demo_source", "projectNumber": "1"}
        listed = "prefix" in query or path.endswith("/b")
        self._answer({"kind": "storage#buckets", "items": [bucket]} if listed else bucket)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if urlsplit(self.path).path.endswith("/builds"):
            self.builds.append(json.loads(body))
            self._answer({"name": "operations/build/demo/1", "metadata": self._metadata(self.builds[-1])})
        else:
            self._answer(self._store(body))

    def _store(self, body: bytes) -> dict[str, Any]:
        """A multipart upload: what is told about the object, then its bytes."""
        _, _, media, _ = body.split(body.split(b"\n", 1)[0])  # it begins with the line between the parts
        self.sources.append(media.split(b"\n\n", 1)[1].removesuffix(b"\n"))
        name, size = parse_qs(urlsplit(self.path).query)["name"][0], str(len(self.sources[-1]))
        return {"kind": "storage#object", "bucket": "demo_source", "name": name, "generation": "1", "size": size}

    def _metadata(self, build: dict[str, Any]) -> dict[str, Any]:
        kind = "type.googleapis.com/google.devtools.cloudbuild.v1.BuildOperationMetadata"
        return {
            "@type": kind,
            "build": build | {"id": "1", "status": "QUEUED", "projectId": "demo", "logUrl": "http://127.0.0.1/"},
        }

    def _answer(self, message: dict[str, Any]) -> None:
        body = json.dumps(message).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Silence."""


@pytest.fixture
def recorder() -> Iterator[tuple[str, type[Recorder]]]:
    """Its URL, and what it has been sent."""
    kept = type("Kept", (Recorder,), {"builds": [], "sources": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kept)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/", kept
    server.shutdown()
    server.server_close()


def gcloud_env(home: Path, url: str) -> dict[str, str]:
    """gcloud with a configuration of its own, any text as token, and no way to Google."""
    (home / "token").write_text("offline")
    overrides = {f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{api}": url for api in ("CLOUDBUILD", "STORAGE", "SERVICEUSAGE")}
    return overrides | {
        "PATH": os.environ["PATH"], "HOME": str(home), "CLOUDSDK_CONFIG": str(home / "gcloud"),
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(home / "token"), "CLOUDSDK_CORE_PROJECT": "demo",
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1", "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1", "CLOUDSDK_CORE_CHECK_GCE_METADATA": "false",
    }  # fmt: skip


@pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud (Cloud SDK) is not installed")
def test_gcloud_submits_it(recorder: tuple[str, type[Recorder]], tmp_path: Path) -> None:
    """The documented command sends these steps as this service account, with all that is tracked and nothing else."""
    url, sent = recorder
    checkout = tmp_path / "checkout"
    copy_files(checkout_files(), checkout)
    settings = "infra/env"  # git ignores it, a build needs it
    for more in (settings, ".git/config", ".venv/bin/python", ".local/orgs.json", "jobs/__pycache__/a.pyc"):
        (checkout / more).parent.mkdir(parents=True, exist_ok=True)
        (checkout / more).touch()
    command = [
        "gcloud", "builds", "submit", "--config=cloudbuild.yaml", "--ignore-file=infra/build.gcloudignore",
        "--region=us-central1", f"--service-account={BUILDER}", "--gcs-source-staging-dir=gs://demo_source/source",
        "--substitutions=_BUILDER=my-builder", "--async",
    ]  # fmt: skip
    env = gcloud_env(tmp_path, url)
    done = subprocess.run(command, cwd=checkout, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    (asked,), (source,) = sent.builds, sent.sources
    assert [step["id"] for step in asked["steps"]] == ORDER
    assert (asked["serviceAccount"], asked["timeout"]) == (BUILDER, "86400s")
    assert asked["substitutions"] == {"_SETTINGS": settings, "_BUILDER": "my-builder"}
    assert asked["options"] == {"machineType": "E2_HIGHCPU_8", "logging": "CLOUD_LOGGING_ONLY"}
    with tarfile.open(fileobj=BytesIO(source)) as archive:
        assert {member.name for member in archive if member.isfile()} == checkout_files() | {settings}
