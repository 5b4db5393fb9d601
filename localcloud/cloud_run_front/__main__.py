"""`python -m localcloud.cloud_run_front`: stands before one container until SIGTERM or SIGINT."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from localcloud.cloud_run_front.front import Service
from localcloud.cloud_run_front.limits import Limits
from localcloud.cloud_run_front.server import FrontServer, address, listening
from localcloud.wire.stop_signal import stop_signal

if TYPE_CHECKING:
    from localcloud.cloud_run_front.invoker_check import InvokerCheck


def main(arguments: Sequence[str] | None = None) -> None:
    """Stand before one container as Cloud Run does. Without --invoker its invoker check is off."""
    options = _parser().parse_args(arguments)
    stopped = stop_signal()
    listener = listening(options.port)
    check = _invoker_check(address(listener), options.invoker, options.keys_url) if options.invoker else None
    limits = Limits(timeout_s=options.timeout_s, concurrency=options.concurrency)
    server = FrontServer(Service(options.upstream, check, limits, options.merge_slashes), listener)
    server.start()
    print(f"ready: {server.url}", flush=True)
    stopped.recv(1)
    server.stop()


def _invoker_check(audience: str, invokers: Sequence[str], keys_url: str) -> "InvokerCheck":
    from localcloud.cloud_run_front.invoker_check import InvokerCheck  # with Google's and JWT's libraries

    return InvokerCheck(audience, frozenset(invokers), keys_url)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m localcloud.cloud_run_front", description=main.__doc__)
    parser.add_argument("--port", type=int, required=True, help="on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--upstream", required=True, help="where the container is, http://127.0.0.1:PORT")
    parser.add_argument("--invoker", action="append", default=[], metavar="EMAIL", help="has run.invoker; repeatable")
    parser.add_argument("--keys-url", default="https://www.googleapis.com/oauth2/v3/certs", help="of who signs tokens")
    parser.add_argument("--timeout-s", type=float, default=300.0, help="of a request")
    parser.add_argument("--concurrency", type=int, default=80, help="requests that are answered at once")
    parser.add_argument("--merge-slashes", action="store_true", help="// in a path becomes /")
    return parser


if __name__ == "__main__":
    main()
