"""`make chaos SEED=… MINUTES=…`, or `REPLAY=…` with the log of an earlier campaign. Ends with 1 if a rule is broken."""

import argparse
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cloudact import redaction
from cloudact.settings import ROOT
from localcloud.google_apis.local_cloud import LocalCloud
from localcloud.google_apis.local_cloud import Settings as CloudSettings
from localcloud.providers.local_providers import LocalProviders
from localcloud.providers.local_providers import Settings as ProviderSettings
from localcloud.provision import provision
from localcloud.stack import local_settings
from providers import PROVIDERS
from providers.provider import secret_patterns
from tests.chaos.actions import read, seed_of
from tests.chaos.campaign import LOG, Report, campaign, drawn
from tests.chaos.world import World
from tests.conftest import Local, SteppedClock

FOLDER = ROOT / ".local" / "chaos"


def main(arguments: Sequence[str]) -> int:
    """Runs one campaign, prints what it did and found, and returns the exit code."""
    asked = _arguments(arguments)
    replayed = Path(asked.replay).resolve() if asked.replay else None
    seed = seed_of(replayed) if replayed else asked.seed
    actions = list(read(replayed)) if replayed else None
    folder = FOLDER / (f"replay-{seed}" if replayed else f"seed-{seed}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _say(f"seed {seed}" + (f", replayed from {replayed}" if replayed else f", {asked.minutes:g} minutes"))
    with cloud(folder / "cloud") as local:
        world = World(local, seed, folder / "logs")
        until = time.monotonic() + asked.minutes * 60
        try:
            report = campaign(world, actions or drawn(world, seed, lambda: time.monotonic() < until))
        except BaseException:
            _say(_again(world.folder / LOG))
            raise
        finally:
            world.containers.stop()
    _say(str(report))
    return judged(report)


def judged(report: Report) -> int:
    """Prints whether an invariant is violated, and how to see it again; returns the exit code."""
    _say(_again(report.log) if report.found else "no invariant is violated")
    return 1 if report.found else 0


def _again(log: Path) -> str:
    return f"replay it with: make chaos REPLAY={os.path.relpath(log, ROOT)}"


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="what is drawn; default: any")
    parser.add_argument("--minutes", type=float, default=10, help="how long actions are drawn; default: 10")
    parser.add_argument("--replay", default="", help="the actions.jsonl of an earlier campaign, instead of a seed")
    return parser.parse_args(arguments)


@contextmanager
def cloud(folder: Path) -> Iterator[Local]:
    """A local cloud of its own, whose tasks fire when the campaign says so.

    BigQuery is on disk: in memory it forgets old jobs, which are the evidence of what the oldest runs have decided.
    """
    redaction.know(secret_patterns(PROVIDERS))
    clock = SteppedClock()
    google = LocalCloud(CloudSettings(folder, clock=clock, dispatching=False))
    providers = LocalProviders(ProviderSettings(clock=clock))
    command = [sys.executable, "-m", "localcloud.bigquery", "--port", "0", "--data-dir", str(folder / "bigquery")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as bigquery:
        assert bigquery.stdout
        url = bigquery.stdout.readline().split()[-1]  # "bigquery ready http://127.0.0.1:PORT"
        google.start()
        providers.start()
        try:
            settings = local_settings(url, google.url, providers.urls)
            settings = settings.model_copy(update={"provider_attempts": 3, "provider_longest_wait_s": 0.0})
            provision(settings)
            yield Local(settings, google, providers, clock)
        finally:
            providers.stop()
            google.stop()
            bigquery.terminate()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
