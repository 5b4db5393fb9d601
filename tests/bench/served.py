"""A day of OpenAI and Anthropic on 127.0.0.1, every page rendered before the first request.

`python -m tests.bench.served DATE ROWS PAGES [LATENCY_S]`. Each answer begins that much after its request.
The same rows for the same arguments, on any machine. `/expected` answers what a complete and exact load holds of each
report, and how many of its pages were asked for so far.
"""

import asyncio
import json
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

from providers.anthropic import api as anthropic
from providers.openai import api as openai
from providers.openai.reports import GROUPS

MODELS = ("gpt-5.4-2026-03-05", "gpt-5.4-mini-2026-03-05", "gpt-realtime-2", "gpt-5.4-nano", "gpt-6-astra")
CLAUDE = ("claude-opus-5-5", "claude-sonnet-5", "claude-haiku-4-5-20251001")
KINDS = ("uncached_input_tokens", "cache_read_input_tokens", "output_tokens")
MakeRow = Callable[[int], tuple[str, Decimal]]


def mixed(number: int, salt: int) -> int:
    """A 32-bit number that looks random and is the same everywhere."""
    x = (number * 2654435761 + salt * 40503) & 0xFFFFFFFF
    x ^= x >> 15
    return (x * 2246822519) & 0xFFFFFFFF


def _or_null(value: str, *, null: bool) -> str:
    return "null" if null else f'"{value}"'


def openai_usage(i: int) -> tuple[str, Decimal]:
    """A line of completions, and its output tokens."""
    a, b = mixed(i, 1), mixed(i, 2)
    cached, uncached, written, out = a % 9_000_000, b % 4_000_000, (a >> 7) % 500_000, (b >> 5) % 2_000_000
    return (
        f'{{"object":"organization.usage.completions.result","input_tokens":{cached + uncached + written},'
        f'"output_tokens":{out},"num_model_requests":{a % 9973},"input_cached_tokens":{cached},'
        f'"input_uncached_tokens":{uncached},"input_cache_write_tokens":{written},'
        f'"input_cache_write_30m_tokens":{written},"input_cache_write_12h_tokens":0,"input_text_tokens":{uncached},'
        f'"input_audio_tokens":0,"input_image_tokens":0,"input_cached_text_tokens":{cached},'
        f'"input_cached_audio_tokens":0,"input_cached_image_tokens":0,"output_text_tokens":{out},'
        f'"output_audio_tokens":0,"output_image_tokens":0,"project_id":"proj_{i // 5 % 40:012x}",'
        f'"user_id":{_or_null(f"user-{i // 5 % 4000:06d}", null=i % 11 == 0)},'
        f'"api_key_id":{_or_null(f"key_{i // 5:016x}", null=i % 13 == 0)},"model":"{MODELS[i % 5]}",'
        f'"batch":{"true" if b & 8 else "false"},"service_tier":"{"priority" if a & 16 else "default"}",'
        f'"api_source":null}}'
    ), Decimal(out)


def openai_cost(i: int) -> tuple[str, Decimal]:
    """A line of costs: dollars as a JSON number of at most nine decimals, now and then negative or with an exponent."""
    nano = (
        -mixed(i, 3) if i % 1000 == 7 else mixed(i, 4) % 90_000 if i % 17 == 0 else mixed(i, 5) * (mixed(i, 6) % 9000)
    )
    quantity = "null" if i % 1000 == 7 else f"{mixed(i, 7) % 100_000 / 100}" if i % 5 == 3 else str(mixed(i, 7) % 10**7)
    unit = ("tokens", "tokens", "images", "duration_minutes", "")[i % 5]
    return (
        f'{{"object":"organization.costs.result","amount":{{"value":{nano / 1e9!r},"currency":"usd"}},'
        f'"line_item":"{MODELS[i % 5]}, {("input", "cached input", "output")[i % 3]}",'
        f'"project_id":"proj_{i // 15 % 40:012x}","api_key_id":{_or_null(f"key_{i // 15:016x}", null=i % 13 == 0)},'
        f'"user_id":null,"api_source":null,"quantity":{quantity},"quantity_unit":{_or_null(unit, null=not unit)}}}'
    ), Decimal(repr(nano / 1e9))


def anthropic_usage(i: int) -> tuple[str, Decimal]:
    """A line of the messages report, and its output tokens."""
    a, b = mixed(i, 8), mixed(i, 9)
    return (
        f'{{"uncached_input_tokens":{a % 4_000_000},"cache_read_input_tokens":{a % 11_000_000},'
        f'"cache_creation":{{"ephemeral_5m_input_tokens":{b % 400_000},"ephemeral_1h_input_tokens":{b % 120_000}}},'
        f'"output_tokens":{b % 2_000_000},"server_tool_use":{{"web_search_requests":{a % 50}}},'
        f'"api_key_id":{_or_null(f"apikey_{i // 3:022x}", null=i % 13 == 0)},'
        f'"workspace_id":{_or_null(f"wrkspc_{i // 3 % 40:022x}", null=i % 11 == 0)},"model":"{CLAUDE[i % 3]}",'
        f'"service_tier":"{"batch" if a & 16 else "standard"}",'
        f'"context_window":"{"200k-1M" if b & 32 else "0-200k"}","inference_geo":null,"account_id":null,'
        f'"service_account_id":null}}'
    ), Decimal(b % 2_000_000)


def anthropic_cost(i: int) -> tuple[str, Decimal]:
    """A line of the cost report: US cents as a decimal string of four to six decimals."""
    micro = -mixed(i, 10) if i % 1000 == 7 else mixed(i, 11) * (1 + mixed(i, 12) % 90)
    amount = Decimal(micro).scaleb(-6) if i % 2 else Decimal(micro // 100).scaleb(-4)
    return (
        f'{{"amount":"{amount:f}","currency":"USD","description":"{CLAUDE[i // 3 % 3]} Usage - {KINDS[i % 3]}",'
        f'"cost_type":"tokens","token_type":"{KINDS[i % 3]}","model":"{CLAUDE[i // 3 % 3]}","service_tier":"standard",'
        f'"context_window":"0-200k","inference_geo":"not_available",'
        f'"workspace_id":{_or_null(f"wrkspc_{i // 9:022x}", null=i % 11 == 0)}}}'
    ), amount.scaleb(-2)


@dataclass
class Report:
    """One endpoint and its pages, by cursor; `total` is the sum of what each row is checked by."""

    path: str
    day: date
    rows: int
    pages: dict[str, bytes] = field(default_factory=dict)
    total: Decimal = Decimal(0)
    asked: int = 0

    def render(self, make: MakeRow, pages: int) -> None:
        """Renders the pages, with rows over them as evenly as can be."""
        for page in range(pages):
            made = [make(i) for i in range(self.rows * page // pages, self.rows * (page + 1) // pages)]
            self.total += sum((value for _, value in made), Decimal(0))
            following = str(page + 1) if page + 1 < pages else None
            self.pages[str(page)] = self.page(",".join(text for text, _ in made), following)

    def page(self, rows: str, following: str | None = None) -> bytes:
        """One page with one bucket."""
        of_openai = self.path.startswith("/v1/organization/")
        bounds = openai.day_bounds(self.day) if of_openai else anthropic.day_bounds(self.day)
        names = ",".join(f'"{name}":{value}' if of_openai else f'"{name}":"{value}"' for name, value in bounds)
        end = f'"has_more":{json.dumps(following is not None)},"next_page":{json.dumps(following)}'
        return f'{{"data":[{{{names},"results":[{rows}]}}],{end}}}'.encode()


def names_at(path: str) -> bytes:
    """A list of names: forty projects or workspaces, with a key each where keys are listed by project; else nothing."""
    listed = []
    if path in ("/v1/organization/projects", "/v1/organizations/workspaces"):
        listed = [{"id": f"p_{number}", "name": f"Project {number}", "status": "active"} for number in range(40)]
    elif path.endswith("/api_keys") and "/projects/" in path:
        project = path.split("/")[-2]
        listed = [{"id": f"key_{project}", "name": f"Key of {project}", "owner_project_access": "active"}]
    return json.dumps({"object": "list", "data": listed, "has_more": False}).encode()


class Provider:
    """Both vendors: four reports with rows, their other reports without any, and lists of names."""

    def __init__(self, day: date, rows: int, pages: int) -> None:
        made = {
            "openai_usage": (openai.USAGE + "completions", openai_usage),
            "openai_cost": (openai.COSTS, openai_cost),
            "anthropic_usage": (anthropic.MESSAGES, anthropic_usage),
            "anthropic_cost": (anthropic.COST_REPORT, anthropic_cost),
        }
        self.named = {name: Report(path, day, rows) for name, (path, _) in made.items()}
        for name, (_, make) in made.items():
            self.named[name].render(make, pages)
        empty = [Report(path, day, 0) for path in (*(openai.USAGE + name for name in GROUPS), anthropic.CLAUDE_CODE)]
        for report in empty:
            report.pages["0"] = (
                report.page("") if report.path != anthropic.CLAUDE_CODE else b'{"data":[],"has_more":false}'
            )
        self.reports = {report.path: report for report in (*empty, *self.named.values())}

    def answer(self, target: str) -> bytes:
        """The body for a GET of this address."""
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        if path == "/expected":
            return json.dumps(dict(self._expected())).encode()
        if path not in self.reports:
            return names_at(path)
        report = self.reports[path]
        if "speed" in query.get("group_by[]", ()):  # which geographies and speeds there are
            return report.page('{"inference_geo":"not_available","speed":"standard"}')
        report.asked += 1
        grouped = any(name.startswith("group_by") for name in query)
        if not grouped and report in (self.named["openai_cost"], self.named["anthropic_cost"]):
            return report.page(self._one_total(report))
        return report.pages[query.get("page", ["0"])[0]]

    def _one_total(self, report: Report) -> str:
        if report is self.named["openai_cost"]:
            return f'{{"amount":{{"value":{report.total:f},"currency":"usd"}}}}'
        return f'{{"amount":"{report.total.scaleb(2):f}","currency":"USD"}}'

    def _expected(self) -> Iterator[tuple[str, dict[str, object]]]:
        for name, report in self.named.items():
            yield name, {"rows": report.rows, "sum": str(report.total), "asked": report.asked}


class Connection(asyncio.Protocol):
    """A connection that is kept open; each request is answered in one piece."""

    def __init__(self, provider: Provider, latency_s: float) -> None:
        self._provider, self._latency_s, self._waiting = provider, latency_s, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remembers where to answer."""
        assert isinstance(transport, asyncio.Transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answers every request that is complete."""
        self._waiting += data
        while b"\r\n\r\n" in self._waiting:
            head, self._waiting = self._waiting.split(b"\r\n\r\n", 1)
            target = head.split(b" ", 2)[1].decode()
            if target == "/expected" or not self._latency_s:
                self._answer(target)
            else:
                asyncio.get_running_loop().call_later(self._latency_s, self._answer, target)

    def _answer(self, target: str) -> None:
        body = self._provider.answer(target)
        start = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self._transport.write(start.encode() + body)


async def serve(provider: Provider, latency_s: float = 0) -> None:
    """Serves until the process is ended; says where on the first line of the output."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)  # a page leaves in one go
    server = await asyncio.get_running_loop().create_server(lambda: Connection(provider, latency_s), sock=listener)
    sys.stdout.write(f"http://127.0.0.1:{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    served = Provider(date.fromisoformat(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    asyncio.run(serve(served, float(sys.argv[4]) if len(sys.argv) > 4 else 0))
