"""Signals that ask a program to stop: when they are raised, and when they wait."""

import os
import signal
import sys

import pytest

from cloudact.settings import ROOT
from tests.processes import started_program

PROGRAM = """
import os, signal, sys, time
from localcloud.stop_requests import StopRequested, StopRequests
stops = StopRequests()
stops.listen()

def told():
    print("ready", flush=True)
    return sys.stdin.readline().strip()

try:
    {work}
except StopRequested as asked:
    print("asked", asked.number)
finally:
    stops.ignore()
os.kill(os.getpid(), signal.SIGINT)
print("ended")
"""
SLEEP = "told()"
HELD = """
    with stops.held():
        print(told(), flush=True)
        print("worked")
"""
LOST = """
    class Finalized:
        def __del__(self): print(told(), flush=True)
    Finalized()
    time.sleep(20)
"""


def printed(work: str, number: int, say: str = "") -> list[str]:
    """What the program prints after the signal, and after the line that it is then given."""
    script = PROGRAM.format(work=work)
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    with started_program([sys.executable, "-c", script], env, ignores=[signal.SIGINT]) as process:
        assert process.stdout
        assert process.stdin
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        output, _ = process.communicate(say or None, timeout=20)
    assert process.returncode == 0
    return [
        line for line in output.splitlines() if line and not line.startswith(("  ", "Traceback", "Exception", "loc"))
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_breaks_off(number: int) -> None:
    """Ctrl-C, kill and a closed terminal break the work off, also where Ctrl-C was ignored; later ones do nothing."""
    assert printed(SLEEP, number) == [f"asked {number:d}", "ended"]


def test_a_signal_waits_for_what_is_held() -> None:
    """Work that is held ends first."""
    assert printed(HELD, signal.SIGINT, "line\n") == ["line", "worked", "asked 2", "ended"]


def test_a_signal_that_is_lost_comes_again() -> None:
    """What Python drops, raised while it calls a finalizer, is raised again."""
    assert printed(LOST, signal.SIGINT, "line\n")[-2:] == ["asked 2", "ended"]


SERIALIZING = """
import os, signal, sys, types
from pydantic import BaseModel, field_serializer

class Told(BaseModel):
    path: str = ""
    @field_serializer("path")
    def written(self, _path): os.kill(os.getpid(), signal.SIGINT)

sys.modules["localcloud.program"] = types.SimpleNamespace(run=lambda *_: Told().model_dump())
from localcloud.__main__ import main
print("exit code", main([sys.argv[1]]))
"""


@pytest.mark.parametrize(("command", "code"), [("up", 0), ("demo", 130)])
def test_a_signal_while_pydantic_serializes(command: str, code: int) -> None:
    """It ends the command as quietly, although pydantic makes an error of its own of it."""
    script = [sys.executable, "-c", SERIALIZING, command]
    with started_program(script, {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}) as process:
        printed, _ = process.communicate(timeout=60)
    assert printed == f"exit code {code}\n"
