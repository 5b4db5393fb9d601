"""`python -m localcloud.bigquery --port 9050 [--data-dir DIR] [--project P]`."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import sys
from pathlib import Path

from bqemulator.config import LogFormat, LogLevel
from bqemulator.observability.logging_ import configure_logging


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="localcloud.bigquery", description="A local BigQuery on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=9050, help="0 takes a free one; the readiness line names it")
    parser.add_argument("--data-dir", type=Path, help="keep tables and jobs here; without it they live in memory")
    parser.add_argument("--project", default="local", help="the project that projects.list shows")
    parser.add_argument(
        "--stream-delay", type=float, nargs=2, metavar=("LEAST", "MOST"), default=(0.0, 0.0),
        help="seconds that streamed rows cannot be read; 0 0, if left out",
    )  # fmt: skip
    args = parser.parse_args()
    gc.disable()  # a fifth of the start: the collector finds nothing while modules are imported; the server enables it
    configure_logging(level=LogLevel.ERROR, fmt=LogFormat.CONSOLE)
    from localcloud.bigquery.server import WrongVersion, serve  # bqemulator logs while it is imported
    from localcloud.bigquery.stream_buffer import Delay

    try:
        least, most = args.stream_delay
        delay = Delay(at_least_s=least, at_most_s=most)
        asyncio.run(serve(args.port, args.data_dir, args.project, lambda line: print(line, flush=True), delay))
    except (OSError, WrongVersion) as err:
        raise SystemExit(f"bigquery: {err}") from err
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # all files are closed, and to give back what it remembers object by object takes Python seconds


if __name__ == "__main__":
    main()
