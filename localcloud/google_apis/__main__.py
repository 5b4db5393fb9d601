"""`python -m localcloud.google_apis`: serves until SIGTERM or SIGINT, then ends its job processes."""

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path

from localcloud.google_apis.local_cloud import LocalCloud, Settings
from localcloud.google_apis.run.container import Images
from localcloud.wire.stop_signal import stop_signal


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the local Cloud Tasks, Cloud Run jobs and KMS."""
    settings = _settings(_parser().parse_args(arguments))
    stopped = stop_signal()
    cloud = LocalCloud(settings)
    cloud.start()
    print(f"ready: Cloud Tasks, Cloud Run jobs and KMS on {cloud.url}", flush=True)
    stopped.recv(1)
    cloud.stop()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m localcloud.google_apis", description=main.__doc__)
    parser.add_argument("--port", type=int, default=9051, help="on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--state-dir", type=Path, required=True, help="queues, jobs, keys, logs")
    parser.add_argument(
        "--job-command", action="append", default=[], type=_job_command, metavar="IMAGE=ARGV",
        help="what runs in the place of an image, e.g. '*=python -m jobs.main'; may be repeated",
    )  # fmt: skip
    parser.add_argument("--job-cwd", type=Path, help="working directory of the jobs, default: this one")
    parser.add_argument("--max-running", type=int, default=4, help="job processes at once (default 4)")
    parser.add_argument("--stop-grace", type=float, default=10.0, help="seconds from SIGTERM to SIGKILL")
    return parser


def _job_command(text: str) -> tuple[str, list[str]]:
    image, separator, command = text.partition("=")
    if not (image and separator and command.strip()):
        raise argparse.ArgumentTypeError("expected IMAGE=ARGV")
    return image, shlex.split(command)


def _settings(options: argparse.Namespace) -> Settings:
    images = Images(dict(options.job_command), options.job_cwd)
    return Settings(
        options.state_dir, options.port, images, max_running=options.max_running, grace_s=options.stop_grace
    )


if __name__ == "__main__":
    main()
