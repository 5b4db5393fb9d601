"""Pages of query results as texts: plain ones, and ones with every oddity that a page can have."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from google.cloud.bigquery import SchemaField
from google.cloud.bigquery.table import RowIterator

Odd = Callable[[Random], bool]
TYPES = {
    "name": "STRING",
    "currency": "STRING",
    "usage_date": "DATE",
    "net_cost": "NUMERIC",
    "rate": "FLOAT",
    "source_row_count": "INTEGER",
    "commitment_fee": "BOOLEAN",
    "source_max_export_time": "TIMESTAMP",
}
WORDS = ("us-east1", '{"team":"a"}', "Zürich", "日本", "", "null", "1e5", 'a "b"\\c/d', "tab\there", "\u2028", "😀")
PLAIN: dict[str, Callable[[Random], str | None]] = {
    "name": lambda it: it.choice((None, *WORDS)),
    "currency": lambda it: it.choice(("USD", "EUR", None)),
    "usage_date": lambda it: f"2026-11-{it.randrange(1, 31):02}",
    "net_cost": lambda it: it.choice((None, "0", "-0", "5", amount(it, 29, 9), amount(it, 1, 9), amount(it, 8, 2))),
    "rate": lambda it: it.choice(
        (None, "1.0", "0.91", "1e-05", "NaN", "Infinity", "-Infinity", "1.7976931348623157E308")
    ),
    "source_row_count": lambda it: str(it.randrange(-9, 10**6)),
    "commitment_fee": lambda it: it.choice(("true", "false", None)),
    "source_max_export_time": lambda it: it.choice((None, str(it.randrange(10**15, 2 * 10**15)), "-1", "0")),
}
# JSON of a value in place of one that is plain.
ODD_VALUES = (
    '"1e-999999999"', '"1e999999999"', '"-1.5E-99999999999999999999"', f'"{"1" * 5000}"', f'"0.{"1" * 5000}"',
    '"1E2"', '"1.5e-3"', '"1e-10"', '"0E-9"', '"1.0000000000"', '"1.00000000001"', '".5"', '"+7"', '"1."', '"1e"',
    '" 1"', f'"{"9" * 30}"', f'"{"0" * 60}1.5"', '"\\uff11"', '"NaN"', '"nan"', '"inf"', '"true"', '"yes"', '"12.5"',
    '"9223372036854775808"', '"1794301964123456.5"', '"1.794301964123456E15"', '"253402300800000000"', '"2026-02-30"',
    '"26-1-1"', '"2026-11-10T00:00:00"', '""', '"\\u0031"', '"a\\u0000b"', '"\\ud83d\\ude00"', '"\\ud800"',
    '"\\udc00\\ud800"', '"\\x"', '"a\nb"', '"\\/"', "1", "1.5", "true", "null", "NaN", "-Infinity", "[]", "{}",
    '[{"v":"a"}]', '{"f":[{"v":"a"}]}', '"a"x', "nul", "1" * 5000,
)  # fmt: skip
ODD_CELLS = (
    "{}",
    "null",
    '{"v":"a","w":1}',
    '{"v":1,"v":"a"}',
    '{"V":"a"}',
    "[]",
    '{"v":"a"},{"v":"b"}',
    '{ "v" : "a" }',
    f'{{"v":"a","w":{"1" * 5000}}}',
)
ODD_ROWS = ("{}", "null", '{"f":null}', '{"f":[]}', '{"f":[{"v":"a"}]}', '{"f":[],"g":1}', "[]")
ODD_PAGES: tuple[Callable[[str], str], ...] = (
    lambda text: text.replace('"totalRows"', f'"other":{"1" * 5000},"totalRows"'),
    lambda text: text.replace('"totalRows"', '"other":NaN,"totalRows"'),
    lambda text: text.replace('"totalRows"', '"schema":{"fields":[]},"totalRows"'),
    lambda text: text.replace('"totalRows":"', '"totalRows":"\\ud800'),
    lambda text: text.replace('"totalRows"', '"pageToken":null,"totalRows"'),
    lambda text: text.replace('{"f":', f'{{"g":{"1" * 5000},"f":', 1),
    lambda text: text.replace('"rows"', '"rows":null,"rows"'),
    lambda text: text.replace('"rows"', '"Rows"'),
    lambda text: text.replace('"rows":[', '"rows":null,"was":['),
    lambda text: text.replace(":", " :\n ").replace("},{", "}, {"),
    lambda text: text[:-2],
    lambda text: text + "x",
    lambda text: f"[{text}]",
    lambda _: "",
    lambda _: "<html>502</html>",
    lambda _: "{}",
    lambda _: '{"rows":' + "[" * 100_000,
)


def amount(it: Random, whole: int, decimals: int) -> str:
    """A number with so many digits at most."""
    digits = str(it.randrange(10**whole))
    return f"{it.choice(('', '-'))}{digits}.{it.randrange(1, 10**decimals)}"


def bodies(random: Random, sizes: Sequence[int], odd: Odd) -> list[bytes]:
    """Pages of so many rows each, every one but the last with a token of the next; `odd` says where one is odd."""
    return [
        _page(random, size, "" if at == len(sizes) else f'"pageToken":"{at}",', odd) for at, size in enumerate(sizes, 1)
    ]


def _page(random: Random, rows: int, token: str, odd: Odd) -> bytes:
    found = ",".join(_row(random, odd) for _ in range(rows))
    reference = '"jobReference":{"projectId":"p","jobId":"j","location":"US"}'
    text = f'{{{reference},{token}"totalRows":"7","rows":[{found}]}}'
    if odd(random):
        text = random.choice(ODD_PAGES)(text)
    body = text.encode(errors="surrogatepass")
    return body.replace(b"us-east1", random.choice((b"\xff", b"\xed\xa0\x80", b"\xc0\x80")), 1) if odd(random) else body


def _row(random: Random, odd: Odd) -> str:
    if odd(random) and odd(random):
        return random.choice(ODD_ROWS)
    return '{"f":[' + ",".join(_cell(random, name, odd) for name in TYPES) + "]}"


def _cell(random: Random, name: str, odd: Odd) -> str:
    if odd(random) and odd(random):
        return random.choice(ODD_CELLS)
    value = PLAIN[name](random)
    return f'{{"v":{random.choice(ODD_VALUES) if odd(random) else _json(random, value)}}}'


def _json(random: Random, value: str | None) -> str:
    return "null" if value is None else json.dumps(value, ensure_ascii=random.random() < 0.5)


def result(pages: Sequence[bytes], asked: list[dict[str, Any]] | None = None) -> RowIterator:
    """The client's result whose pages these are; `asked` notes what each page was asked for with."""

    def answer(query_params: dict[str, Any], expect_json: bool, **_: Any) -> bytes:
        assert not expect_json
        if asked is not None:
            asked.append(query_params)
        return pages[int(query_params.get("pageToken", 0))]

    return RowIterator(None, answer, "/queries/j", [SchemaField(name, kind) for name, kind in TYPES.items()])
