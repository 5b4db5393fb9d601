"""The product with one provider more, which it does not know: what its composition roots are handed in tests."""

import gc
import json
import shutil
import signal
from pathlib import Path

from cloudact.settings import ROOT
from jobs.main import main
from providers import PROVIDERS
from tests.functions.fleet import Fleet
from tests.providers import invented

FOUR = (*PROVIDERS, invented.PROVIDER)
FOLDER = Path(invented.__file__).parent


def write_configs(target: Path) -> Path:
    """The configs that ship, with the fourth provider's pipeline."""
    shutil.copytree(ROOT / "configs", target, dirs_exist_ok=True)
    registry = target / "system" / "pipelines.yml"
    entry = (FOLDER / "entry.yml").read_text(encoding="utf-8")
    registry.write_text(registry.read_text(encoding="utf-8") + entry, encoding="utf-8")
    (target / invented.PROVIDER.id).mkdir()
    shutil.copy(FOLDER / "usage_cost.yml", target / invented.PROVIDER.id)
    return target


def work_off(fleet: Fleet) -> list[int]:
    """Takes all tasks off the queue and runs each of their containers in this process; the exit codes."""
    tasks, sigterm = fleet.tasks(), signal.getsignal(signal.SIGTERM)
    fleet.fire()
    codes = []
    for task in tasks:
        overrides = json.loads(task.http_request.body)["overrides"]
        told = {each["name"]: each["value"] for each in overrides["containerOverrides"][0]["env"]}
        for index in range(overrides.get("taskCount", 1)):
            env = fleet.settings.to_env() | told | {"CLOUD_RUN_TASK_INDEX": str(index)}
            gc.disable()  # as the program does before its imports
            codes.append(main(env, FOUR))
            assert gc.isenabled()
    signal.signal(signal.SIGTERM, sigterm)
    return codes
