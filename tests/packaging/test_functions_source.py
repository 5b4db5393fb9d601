"""The functions' source: what is uploaded is all they need, and it starts where nothing else is."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from cloudact.settings import ROOT, Settings
from localcloud.processes import free_port
from localcloud.stack import local_settings
from tests.packaging.checkout import checkout_files, copy_files
from tests.packaging.environment import build_env, make_venv

needs_gcloud = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud (Cloud SDK) is not installed")
SOURCE_FILE = "functions/main.py"  # GOOGLE_FUNCTION_SOURCE of the deployment
OF_PAGES = {".html", ".css", ".js", ".svg"}  # templates of the console, and what its pages load
HEAVY = ("pyarrow", "pandas", "numpy", "duckdb", "click", "rich")


def uploaded() -> set[str]:
    """The tracked files that `.gcloudignore` leaves, by the rules of git, which are its rules."""
    return checkout_files() - checkout_files("--cached", "--others", "--ignored", "--exclude-from=.gcloudignore")


def test_what_is_uploaded() -> None:
    """Packages, configs and SQL that the functions read, and their requirements; nothing of tests, jobs or people."""
    files = uploaded()
    assert {path.split("/")[0] for path in files} == {
        "cloudact",
        "configs",
        "functions",
        "providers",
        "requirements.txt",
        "sql",
    }
    assert {Path(path).suffix for path in files} == {".py", ".sql", ".yml", ".txt"} | OF_PAGES
    assert SOURCE_FILE in files
    assert sum((ROOT / path).stat().st_size for path in files) < 2 * 2**20


@needs_gcloud
def test_gcloud_uploads_the_same(tmp_path: Path) -> None:
    """Google's own reading of `.gcloudignore`, in a checkout where someone left things lying about."""
    copy_files(checkout_files(), tmp_path)
    for litter in (".git/config", ".local/orgs.json", "functions/.env", "cloudact/key.json", "tests/__pycache__/a.pyc"):
        (tmp_path / litter).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / litter).touch()
    command = ["gcloud", "meta", "list-files-for-upload", str(tmp_path)]
    env = build_env(Path("/usr/bin"), {"CLOUDSDK_CONFIG": str(tmp_path / ".gcloud")})
    listed = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
    assert set(listed.splitlines()) == uploaded()


def test_requirements_are_light() -> None:
    """What only jobs and people need is not installed for the functions."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert not [line for line in lines if line.startswith((*HEAVY, "-r"))]
    assert [line for line in lines if line.startswith("functions-framework>=")]  # else the buildpack adds its own


@dataclass(frozen=True)
class Package:
    """The uploaded files in a folder of their own, and a Python with their requirements."""

    folder: Path
    programs: Path

    def env(self, target: str, settings: Settings | None) -> dict[str, str]:
        """The environment of a deployed service; none of ours where it is not configured."""
        names = {"FUNCTION_TARGET": target, "FUNCTION_SOURCE": SOURCE_FILE, "FUNCTION_SIGNATURE_TYPE": "http"}
        ours = settings.to_env() if settings else {}
        ours.pop("CLOUDACT_CONFIGS_DIR", None)  # deployed, it is where the code is
        return {"PATH": str(self.programs), "PYTHONPATH": str(self.folder), "PYTHONUNBUFFERED": "1"} | names | ours

    @contextmanager
    def serving(self, target: str, settings: Settings | None, log: Path) -> Iterator[str]:
        """`functions-framework`, as the buildpack starts it; answers its URL."""
        port = free_port()
        env = self.env(target, settings) | {"PORT": str(port), "HOST": "127.0.0.1"}
        with log.open("w") as out:
            command = [str(self.programs / "functions-framework")]
            server = subprocess.Popen(command, cwd=self.folder, env=env, stdout=out, stderr=subprocess.STDOUT)
            try:
                url = f"http://127.0.0.1:{port}"
                wait_for(f"{url}/health")
                yield url
            finally:
                server.terminate()
                server.wait(15)

    def ask(self, script: str) -> Any:
        """What a script of a few lines prints as JSON, with the environment of `api`."""
        command, env = [str(self.programs / "python"), "-c", script], self.env("api", unreachable())
        done = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])


def wait_for(url: str) -> None:
    """Until something answers; each try is refused at once while nobody listens."""
    retries = requests.adapters.Retry(total=12, backoff_factor=0.1)
    with requests.Session() as session:
        session.mount("http://", requests.adapters.HTTPAdapter(max_retries=retries))
        session.get(url, timeout=30)


def unreachable() -> Settings:
    """A complete configuration of which nothing answers."""
    return local_settings("http://127.0.0.1:9", "http://127.0.0.1:9", {})


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """As the buildpack does: requirements.txt and nothing else is installed, then the folder is compiled."""
    folder = tmp_path_factory.mktemp("functions")
    copy_files(uploaded(), folder / "workspace")
    programs = make_venv(folder / "venv")
    for arguments in (["pip", "install", "--quiet", "-r", "requirements.txt"], ["compileall", "-f", "-q", "."]):
        command = [str(programs / "python"), "-m", *arguments]
        env = build_env(programs, {"SOURCE_DATE_EPOCH": "315532801"})
        done = subprocess.run(command, cwd=folder / "workspace", env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return Package(folder / "workspace", programs)


@pytest.mark.bench
def test_api_answers(package: Package, tmp_path: Path) -> None:
    """Health and catalogue need nothing but the package; what needs BigQuery says that it is away."""
    with package.serving("api", unreachable(), tmp_path / "log") as url:
        health = requests.get(f"{url}/health", timeout=10)
        assert (health.status_code, health.json()) == (200, {"status": "ok"})
        catalogue = requests.get(f"{url}/api/v1/validator/pipelines", timeout=10).json()
        assert [entry["id"] for entry in catalogue["pipelines"]] == [
            "gcp_billing", "openai_usage_cost", "anthropic_usage_cost",
        ]  # fmt: skip
        assert requests.get(f"{url}/api/v1/pipelines/acmecorp/runs", timeout=10).status_code == 401
        page = requests.get(f"{url}/console/sign-in", timeout=10)
        assert (page.status_code, page.text.count("<form")) == (200, 2)
        ready = requests.get(f"{url}/health/ready", timeout=10)
        assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")


@pytest.mark.bench
def test_ops_answers(package: Package, tmp_path: Path) -> None:
    """The private function starts from the same folder, and knows none of the public paths."""
    with package.serving("ops", unreachable(), tmp_path / "log") as url:
        assert requests.get(f"{url}/health", timeout=10).json() == {"status": "ok"}
        assert requests.post(f"{url}/ops/daily", json={}, timeout=10).status_code == 401
        assert requests.get(f"{url}/api/v1/validator/pipelines", timeout=10).status_code == 404


@pytest.mark.bench
@pytest.mark.parametrize("target", ["api", "ops"])
def test_a_service_without_configuration(package: Package, target: str, tmp_path: Path) -> None:
    """Callers get a problem document without internals; the log names the variables at CRITICAL."""
    with package.serving(target, None, tmp_path / "log") as url:
        answer = requests.get(f"{url}/health", timeout=10)
    assert (answer.status_code, answer.headers["Content-Type"]) == (500, "application/problem+json")
    assert answer.json()["detail"] == "The service is not configured; its operators have been told."
    told = json.loads(next(line for line in (tmp_path / "log").read_text().splitlines() if line.startswith("{")))
    assert told["severity"] == "CRITICAL"
    assert "The environment is not usable: CLOUDACT_PROJECT: Field required" in told["exception"]


@pytest.mark.bench
def test_nothing_comes_from_elsewhere(package: Package) -> None:
    """After a request every module's file is in the package, its Python's packages, or the standard library."""
    script = """
import json, sys, sysconfig
from functions_framework import create_app
print(create_app("api", "functions/main.py").test_client().get("/api/v1/validator/pipelines").get_json())
files = [str(m.__file__) for m in list(sys.modules.values()) if getattr(m, "__file__", None)]
print(json.dumps({"files": files, "stdlib": sysconfig.get_path("stdlib")}))
"""
    found = package.ask(script)
    allowed = (str(package.folder), str(package.programs.parent), found["stdlib"])
    assert [path for path in found["files"] if not path.startswith(allowed)] == []
    assert [path for path in found["files"] if "/functions/routes.py" in path]


@pytest.mark.bench
def test_cold_start(package: Package) -> None:
    """Importing the entry point loads no Google client; prints what import and first answer take."""
    script = """
import json, sys, time
began = time.perf_counter()
from functions_framework import create_app
framework = time.perf_counter()
app = create_app("api", "functions/main.py")
google = [name for name, module in sys.modules.items() if name.startswith("google.") and
          getattr(module, "__file__", None) and not name.startswith("google.cloud.functions")]  # that is the framework
loaded = time.perf_counter()
app.test_client().get("/api/v1/validator/pipelines")
print(json.dumps({"framework_s": framework - began, "function_s": loaded - framework,
                  "first_answer_s": time.perf_counter() - loaded, "google": google, "modules": len(sys.modules)}))
"""
    told = package.ask(script)
    print(f"\n{told}", end="")  # noqa: T201
    assert told["google"] == []


@pytest.mark.bench
def test_bytecode_outlives_the_build(package: Package) -> None:
    """A buildpack's image gives every file one date. With SOURCE_DATE_EPOCH at build, bytecode goes by contents."""
    for path in package.folder.rglob("*.py"):
        (compiled,) = (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc")
        assert compiled.read_bytes()[4:8] == b"\3\0\0\0"  # PEP 552: hash-based, checked
