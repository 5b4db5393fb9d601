"""Ids of runs: whole, or their first characters, which are looked up among the newest runs."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import click

from cli.failures import Usage
from cli.http import Answer
from cli.json_object import JsonObject
from cli.session import Api

SHORT = 8  # characters that a terminal is shown
LEAST = 4  # that are taken
PAGES, PAGE = 3, 100  # that are looked through
SHOWN = 5  # candidates
_START = re.compile(r"[0-9a-f][0-9a-f-]{3,35}")


@dataclass(frozen=True)
class RunId:
    """Id of a run, and the day of its request where it is known, which lets the API find it at once."""

    text: str
    requested_date: str | None = None


class _RunIdType(click.ParamType[str]):
    """Parameter that is a run's id or its beginning."""

    name = "run_id"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Whole id in its usual form, or the beginning in lower case."""
        text = str(value).strip().lower()
        try:
            return str(UUID(text))
        except ValueError:
            pass
        if not _START.fullmatch(text):
            self.fail(f"{value} is no run's id: give its first {LEAST} characters or more.", param, ctx)
        return text


_Decorated = Callable[[Callable[..., object]], Callable[..., object]]
RUN_ID: _Decorated = click.argument("run_id", type=_RunIdType())


def find_run(api: Api, text: str) -> RunId:
    """Run with this id, or the only one of the newest runs whose id begins so. Raises `Usage`."""
    if len(text) == 36:
        return RunId(text)
    looked_at, more = _newest(api)
    found = [run for run in looked_at if run["run_id"].startswith(text)]
    if len(found) == 1:
        return RunId(found[0]["run_id"], found[0].get("requested_date"))
    if found:
        raise Usage(f"{len(found)} runs begin with {text}; give more of the id:", [*map(_told, found[:SHOWN])])
    where = f"None of the newest {len(looked_at)} runs" if more else "No run"
    raise Usage(f"{where} of {api.org} begins with {text}; `cloudact runs` lists them, and a whole id is always found.")


def call_run(
    api: Api,
    method: str,
    run: RunId,
    *action: str,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, object] | None = None,
) -> Answer:
    """Answer of an endpoint of a run, which is named with the day of its request: the API finds it at once then."""
    day = {"requested_date": run.requested_date, **(query or {})}
    return api.call(method, "pipelines", api.org, "runs", run.text, *action, query=day, headers=headers or {})


def shortened(ids: Sequence[str]) -> list[str]:
    """Beginnings of the ids, of equal length, that tell all of them apart."""
    length = SHORT
    while len({each[:length] for each in ids}) < len({*ids}):
        length += 1
    return [each[:length] for each in ids]


def _newest(api: Api) -> tuple[list[JsonObject], bool]:
    """Newest runs, and whether there are more."""
    found: list[JsonObject] = []
    cursor = None
    for _ in range(PAGES):
        query = dict(limit=PAGE, cursor=cursor, total="false")  # noqa: C408 - a vendor has the name of one of them
        page = api.call("GET", "pipelines", api.org, "runs", query=query).body
        found += page["runs"]
        cursor = page.get("next_cursor")
        if not cursor:
            return found, False
    return found, True


def _told(run: JsonObject) -> str:
    return f"{run['run_id']}  {run['pipeline']} {run['date']} {run['status']}"
