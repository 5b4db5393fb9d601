"""`logs`: what the steps of a run have said, and go on to say."""

import math
import sys
from collections.abc import Mapping

import click

from cli.failures import Interrupted
from cli.http import Answer
from cli.json_object import JsonObject
from cli.run_ids import RUN_ID, RunId, call_run, find_run
from cli.screen import say
from cli.session import Api, asks_api
from cli.watch import ENDED, states


@click.command()
@RUN_ID
@click.option("--follow", "-f", is_flag=True, help="Go on with what the run says next, until it ends.")
@asks_api
def logs(api: Api, run_id: str, follow: bool) -> None:
    """Show what a run has said, the oldest first, step by step. RUN_ID may be its first characters."""
    found, log = find_run(api, run_id), _Log()
    if follow:
        try:
            _follow(api, found, log)
        except KeyboardInterrupt:
            raise Interrupted(f"The run goes on: cloudact logs {found.text} -f") from None
    # Also after it was followed: of rows that can be read late, the newest are not always the last.
    api.screen.answer(call_run(api, "GET", found), log.print_news)


def _follow(api: Api, run: RunId, log: "_Log") -> None:
    def read(headers: Mapping[str, str]) -> Answer:
        return call_run(api, "GET", run, headers=headers, query={"since": log.newest})

    for answer in states(read, math.inf):
        if answer.body["status"] in ENDED:
            return
        if not api.screen.as_json:
            log.print_news(answer.body)


class _Log:
    """Prints each message once; `newest` is the time of the newest of them."""

    def __init__(self) -> None:
        self.newest: str | None = None
        self._printed: set[tuple[str, str, str]] = set()

    def print_news(self, run: JsonObject) -> None:
        """Prints what is new, and how the run ended."""
        said = [(each["at"], step["step_name"], each) for step in run["steps"] for each in step["messages"]]
        for at, step, message in sorted(said, key=lambda each: each[0]):
            if (at, step, message["text"]) not in self._printed:
                self._printed.add((at, step, message["text"]))
                level = "" if message["level"] in (None, "INFO") else f"{message['level']} "
                say(f"{at} {level}{step}: {message['text']}")
        self.newest = max((at for at, *_ in said), default=self.newest)
        if run["status"] in ENDED:
            error = f": {run['error']['message']}" if run["error"] else ""
            say(f"{run['completed_at']} {run['status']}{error}")
        sys.stdout.flush()
