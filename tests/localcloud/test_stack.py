"""`python -m localcloud`: what a stack that runs can do, after one that was killed, and Ctrl-C at any moment."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from cloudact.settings import ROOT
from localcloud.stack import FRONT_ENDS
from tests.processes import started_program

WITHIN_S = 90.0
PROGRAMS = 7  # of a stack: three stand-ins, two functions, two fronts
STEPS = ("setup", "--wait", "cloudact runs", "quota", "keys show", "POST", "limit=1")  # of the README's walk-through


def command(name: str, state: Path) -> list[str]:
    options = {"up": ["--without-past", "--late-streams"], "demo": ["--without-past"]}
    return [sys.executable, "-m", "localcloud", name, "--state", str(state), *options.get(name, [])]


def environment(home: Path) -> dict[str, str]:
    """A home that everything started here has, so that it can be told from what others have started."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT)}


def done(name: str, state: Path, home: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    env = environment(home) | changes
    return subprocess.run(command(name, state), env=env, capture_output=True, text=True, timeout=WITHIN_S, check=False)


@contextmanager
def started(name: str, state: Path, home: Path, *, ignores: Sequence[int] = ()) -> Iterator["subprocess.Popen[str]"]:
    """The command; what it leaves behind, where a test has failed, is ended too."""
    try:
        with started_program(command(name, state), environment(home), ignores=ignores) as process:
            yield process
    finally:
        if running(home) and name == "up":
            done("reset", state, home)


def running(home: Path) -> list[str]:
    """Command lines of processes with this home."""
    if not Path("/proc/self/environ").exists():
        pytest.skip("looks for processes in /proc")
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"HOME={home}".encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def owner(state: Path) -> dict[str, str]:
    try:
        told: dict[str, str] = json.loads((state / "owner.json").read_text())
    except (OSError, ValueError):
        return {}
    return told


LAST_MOMENT = "while it onboards"
MOMENTS: dict[str, Callable[[Path], object]] = {
    "at once": lambda _state: True,
    "when it owns the state": owner,
    "while programs start": lambda state: len([*state.glob("processes/[0-9]*")]) >= 3,
    "while it provisions": lambda state: (state / "google_apis" / "tasks.sqlite3").exists(),
    LAST_MOMENT: lambda state: (state / "orgs.json").exists(),
}


def interrupt_start(state: Path, home: Path, moment: str) -> None:
    """Presses Ctrl-C twice at that moment of a start; nothing may be left running."""
    with started("up", state, home) as up:
        wait_until(lambda: listens(up.pid))
        wait_until(lambda: MOMENTS[moment](state))
        up.send_signal(signal.SIGINT)
        up.send_signal(signal.SIGINT)
        printed, _ = up.communicate(timeout=WITHIN_S)
    assert (up.returncode, printed.strip()) in ((0, ""), (0, "stopping"))
    assert running(home) == []


@pytest.mark.parametrize("moment", [moment for moment in MOMENTS if moment != LAST_MOMENT])
def test_ctrl_c_while_it_starts(tmp_path: Path, moment: str) -> None:
    """Ctrl-C ends a start quietly, whenever it comes, and twice; nothing is left running."""
    interrupt_start(tmp_path / ".local", tmp_path, moment)


def test_ctrl_c_while_it_onboards(left: dict[str, dict[str, str]]) -> None:
    """So it does once the first org is there, which is noted for the next start."""
    assert left["acmecorp"]["api_key"].startswith("acmecorp_api_")


def test_the_next_start_goes_on(left: dict[str, dict[str, str]], state: Path) -> None:
    """A start after an interrupted one makes what is missing: the first org keeps its key, the second has one."""
    orgs = json.loads((state / "stack.json").read_text(encoding="utf-8"))["orgs"]
    assert [org["org_slug"] for org in orgs] == ["acmecorp", "globex_inc"]
    assert orgs[0]["api_key"] == left["acmecorp"]["api_key"]
    for org in orgs:
        url = f"{owner(state)['api_url']}/api/v1/organizations/{org['org_slug']}/quota"
        assert requests.get(url, headers={"X-API-Key": org["api_key"]}, timeout=30).ok


def listens(pid: int) -> bool:
    """Whether the process has a handler for SIGINT other than Python's first one: SIGHUP has none before ours."""
    caught = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (signal.SIGHUP - 1) & 1)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def left(home: Path) -> dict[str, dict[str, str]]:
    """Orgs of a start that was interrupted while it onboarded."""
    folder = home / ".local"
    interrupt_start(folder, home, LAST_MOMENT)
    orgs: dict[str, dict[str, str]] = json.loads((folder / "orgs.json").read_text(encoding="utf-8"))
    return orgs


@pytest.fixture(scope="module")
def state(left: dict[str, dict[str, str]], home: Path) -> Iterator[Path]:  # noqa: ARG001 - it goes on with these
    """The state of a stack that runs."""
    folder = home / ".local"
    with started("up", folder, home, ignores=[signal.SIGINT]) as up:
        wait_until(lambda: owner(folder).get("api_url") or up.poll() is not None)
        yield folder
        up.send_signal(signal.SIGINT)  # which whoever started it ignores
        assert up.wait(WITHIN_S) == 0
    assert running(home) == []


def test_a_second_one_is_told_of_the_first(state: Path, home: Path) -> None:
    """`up` beside a stack that runs names its pid and its URL, and fails in a sentence."""
    told, second = owner(state), done("up", state, home)
    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr.startswith(f"The local cloud runs already: pid {told['pid']}, {told['api_url']}.")
    assert "Traceback" not in second.stderr


def test_a_state_in_use_is_not_removed(state: Path, home: Path) -> None:
    """`reset` refuses while the stack runs, which goes on."""
    refused = done("reset", state, home)
    assert (refused.returncode, f"kill {owner(state)['pid']}" in refused.stderr) == (1, True)
    assert requests.get(f"{owner(state)['api_url']}/health", timeout=10).ok


def test_the_demo_uses_the_stack_that_runs(state: Path, home: Path) -> None:
    """`demo` triggers runs there; Ctrl-C ends it quietly, and leaves the stack running."""
    before = running(home)
    with started("demo", state, home) as demo:
        assert demo.stdout
        told, request, answer = (demo.stdout.readline().strip() for _ in range(3))
        demo.send_signal(signal.SIGINT)
        rest, _ = demo.communicate(timeout=WITHIN_S)
    assert told == f"using the local cloud that runs (pid {owner(state)['pid']}, {owner(state)['api_url']})"
    assert (request, answer[:3]) == ("POST /api/v1/pipelines/run/acmecorp/gcp/cost/billing", "202")
    assert (demo.returncode, "Traceback" in rest) == (130, False)
    assert set(before) <= set(running(home))


def test_the_usual_front_ends_may_call(state: Path) -> None:
    """A page of a front end's own server on this machine may call the API; another's may not."""
    for origin, allowed in [*((origin, origin) for origin in FRONT_ENDS.split(",")), ("http://localhost:9999", None)]:
        answer = requests.get(f"{owner(state)['api_url']}/health", headers={"Origin": origin}, timeout=10)
        assert answer.headers.get("Access-Control-Allow-Origin") == allowed


def test_an_origin_that_is_none(tmp_path: Path) -> None:
    """CLOUDACT_CORS_ORIGINS replaces these; what is no origin is refused in a sentence before anything starts."""
    refused = done("up", tmp_path / "state", tmp_path, CLOUDACT_CORS_ORIGINS="https://app.example.com,foo")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "CLOUDACT_CORS_ORIGINS: foo is not an origin like https://app.example.com.\n"


def test_the_sweep_is_scheduled(state: Path) -> None:
    """The stack has ops swept as Cloud Scheduler would, with the scheduler's own token."""
    google = json.loads((state / "stack.json").read_text())["run_url"]
    calls = requests.get(f"{google}/local/schedule", timeout=10).json()["calls"]
    assert [(call["name"], call["schedule"]) for call in calls] == [("cloudact-sweep", "*/5 * * * *")]
    made = requests.post(f"{google}/local/schedule/run", json={"name": "cloudact-sweep"}, timeout=60)
    assert made.json() == {"status": 200}


def walk_through() -> list[str]:
    """The commands of the README's "Use it"."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("\n## Use it\n")[1].split("\n## ")[0]
    blocks = re.findall(r"^```sh\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    return [command for block in blocks for command in block.replace("\\\n", " ").splitlines() if command]


def test_the_walk_through(state: Path, home: Path) -> None:
    """Each line of the README's exits with 0, in a folder like the root; the third org has its run, quota and two keys.

    Streamed rows can be read only after seconds, as at Google.
    """
    (home / "bin").symlink_to(ROOT / "bin")
    assert state == home / ".local"
    commands = walk_through()
    script = "\n".join(f"echo '#{number}'\n{command}" for number, command in enumerate(commands))
    env = {"PATH": os.environ["PATH"], "HOME": str(home)}
    bash = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(bash, cwd=home, env=env, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    printed = re.split(r"^#\d+\n", done.stdout, flags=re.MULTILINE)[1:]
    said = {step: text for step in STEPS for command, text in zip(commands, printed, strict=True) if step in command}
    assert re.search(r"^status +VALID$", said["setup"], re.MULTILINE)
    assert re.search(r"^rows processed +\d+$", said["--wait"], re.MULTILINE)
    assert re.search(r"openai_usage_cost .* SUCCESS ", said["cloudact runs"])
    assert re.search(r"^pipelines today +1$", said["quota"], re.MULTILINE)
    assert said["keys show"].count("initech_api_") == 2
    run_id = said["cloudact runs"].splitlines()[1].split()[0]
    assert json.loads(said["POST"])["run_id"] == run_id
    assert json.loads(said["limit=1"])["total"] == 1


def test_orphans_are_ended(tmp_path: Path) -> None:
    """What a killed stack leaves running is ended by the next command that owns the state, `reset` among them."""
    state = tmp_path / ".local"
    with started("up", state, tmp_path) as up:
        wait_until(lambda: len([*state.glob("processes/[0-9]*")]) == PROGRAMS)
        up.kill()
        up.wait(WITHIN_S)
        assert len(running(tmp_path)) >= PROGRAMS
        removed = done("reset", state, tmp_path)
        assert (removed.returncode, removed.stdout) == (0, f"{state} removed\n")
        assert (running(tmp_path), state.exists()) == ([], False)
