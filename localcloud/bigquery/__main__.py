"""`python -m localcloud.bigquery --port 9050 [--data-dir DIR] [--project P]`."""

from __future__ import annotations

import os
import sys

# How many freed pieces of each size a thread keeps at hand: DuckDB frees thousands of them in a query, and takes a
# twentieth longer with the seven that glibc keeps.
MALLOC = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=2000"}


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    if sys.platform == "linux" and not MALLOC.keys() & os.environ.keys():
        os.execve(sys.executable, sys.orig_argv, {**os.environ, **MALLOC})  # noqa: S606 - glibc reads it at the start
    _serve()


def _serve() -> None:
    import argparse
    import asyncio
    import gc
    from pathlib import Path

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
    from bqemulator.config import LogFormat, LogLevel
    from bqemulator.observability.logging_ import configure_logging

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
