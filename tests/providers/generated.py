"""Pages of every report as text: plain ones as the vendors send them, and rows with every oddity that was ever seen.

Rows are lists of (name, JSON text), so that a name may stand twice and a number keeps its spelling. The same source of
randomness gives the same bytes.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

Field = tuple[str, str]
Row = list[Field]
MODELS = ("gpt-5.4-2026-03-05", "claude-opus-5-5", "ft:gpt-4o:acme:sk-learn-bot:BxYz", "gpt-5.4, cached input")


@dataclass(frozen=True)
class Report:
    """A report by its name in configs: the end of its path, a row of it, and the page around rows."""

    name: str
    provider: str
    path: str
    row: Callable[[Random, int], Row]
    page: Callable[[str], str]
    generation: str = "reports"


def text(value: object) -> str:
    """The JSON text of a value, as it is written without thinking."""
    return json.dumps(value, ensure_ascii=False)


def nested(*fields: Field) -> str:
    """The JSON text of an object with these fields."""
    return "{" + ",".join(f"{text(name)}:{value}" for name, value in fields) + "}"


def _fields(**values: object) -> Row:
    return [(name, text(value)) for name, value in values.items()]


def _id(random: Random, kind: str) -> str | None:
    number = random.randrange(40)
    return None if number == 0 else f"{kind}_{number:012x}"


def _openai_usage(random: Random, number: int) -> Row:
    tokens = {
        f"input_{kind}tokens": random.randrange(10**9) for kind in ("", "cached_", "uncached_", "text_", "audio_")
    }
    return [
        *_fields(object="organization.usage.completions.result", **tokens),
        *_fields(output_tokens=number, num_model_requests=random.randrange(9000), project_id=_id(random, "proj")),
        *_fields(user_id=_id(random, "user"), api_key_id=_id(random, "key"), model=random.choice(MODELS)),
        *_fields(batch=random.choice([True, False, None]), service_tier="default", api_source=None),
    ]


def _openai_images(random: Random, number: int) -> Row:
    known = _fields(object="organization.usage.images.result", images=number, num_model_requests=1, size="1024x1024")
    return [*known, *_fields(source="image.generation", project_id=_id(random, "proj"), model="gpt-image-2")]


def _openai_cost(random: Random, number: int) -> Row:
    value = repr(random.randrange(-(10**6), 10**12) / 10**9)
    return [
        *_fields(object="organization.costs.result"),
        ("amount", nested(("value", value), ("currency", '"usd"'))),
        *_fields(line_item=random.choice(MODELS), project_id=_id(random, "proj"), api_key_id=_id(random, "key")),
        *_fields(user_id=None, api_source=None, quantity=random.choice([None, number, number / 4])),
        *_fields(quantity_unit=random.choice(["tokens", "1000_tokens", None])),
    ]


def _named_openai_cost(random: Random, number: int) -> Row:
    return [*_openai_cost(random, number), ("user_email", text(random.choice([None, "jane@acme.com"])))]


def _tokens(random: Random, number: int) -> Row:
    written = nested(*_fields(ephemeral_5m_input_tokens=random.randrange(9999), ephemeral_1h_input_tokens=0))
    return [
        *_fields(uncached_input_tokens=random.randrange(10**9), cache_read_input_tokens=number),
        ("cache_creation", written),
        *_fields(output_tokens=random.randrange(10**9)),
        ("server_tool_use", nested(*_fields(web_search_requests=random.randrange(9)))),
    ]


def _dimensions(random: Random) -> Row:
    known = _fields(api_key_id=_id(random, "apikey"), workspace_id=_id(random, "wrkspc"), model=random.choice(MODELS))
    return [*known, *_fields(service_tier="standard", context_window="0-200k", inference_geo=None)]


def _messages(random: Random, number: int) -> Row:
    return [*_tokens(random, number), *_dimensions(random), *_fields(account_id=None, service_account_id=None)]


def _cents(random: Random) -> str:
    return f"{random.randrange(-(10**6), 10**9)}.{random.randrange(10**6):06d}"


def _cost_report(random: Random, number: int) -> Row:
    known = [*_fields(amount=_cents(random), currency="USD", description=f"Usage {number}", cost_type="tokens")]
    return [*known, *_fields(token_type="output_tokens"), *_dimensions(random)[1:]]


_SPAN = _fields(starting_at="2026-11-10T00:00:00Z", ending_at="2026-11-11T00:00:00Z")
_NO_GROUPS = _fields(actor=None, actor_type=None, agent_id=None, organization_id=None, product=None, speed=None)


def _analytics_usage(random: Random, number: int) -> Row:
    usage = [*_tokens(random, number), *_fields(total_tokens=number, requests=random.randrange(9999))]
    return [*_SPAN, ("group", nested(*_NO_GROUPS, *_dimensions(random))), ("usage", nested(*usage))]


def _analytics_cost(random: Random, number: int) -> Row:
    cost = _fields(amount=_cents(random), list_amount=random.choice([None, _cents(random)]), currency="USD")
    group = [*_NO_GROUPS, *_dimensions(random), *_fields(cost_type="tokens", token_type="output_tokens")]
    return [
        *_SPAN,
        ("cost", nested(*cost, *_fields(requests=random.choice([None, number])))),
        ("group", nested(*group)),
    ]


def _activity(random: Random, number: int) -> Row:
    person = _fields(type="user_actor", email_address=f"dev{number}@acme.com")
    key = _fields(type="api_actor", api_key_name="claude_code_key_jane.doe_ab12" if number % 5 == 0 else "ci")
    lines = nested(*_fields(added=random.randrange(999), removed=number))
    metrics = [*_fields(num_sessions=1, commits_by_claude_code=2, pull_requests_by_claude_code=0)]
    used = nested(*_fields(accepted=random.randrange(99), rejected=0))
    return [
        ("date", '"2026-11-10T00:00:00Z"'),
        ("actor", nested(*random.choice([person, key]))),
        *_fields(organization_id="dc9f6c26", customer_type="api", subscription_type=None, terminal_type="vscode"),
        ("core_metrics", nested(*metrics, ("lines_of_code", lines))),
        (
            "tool_actions",
            random.choice(["{}", nested(("edit_tool", used)), nested(("edit_tool", used), ("bash", used))]),
        ),
        ("model_breakdown", "[" + ",".join(_of_model(random) for _ in range(random.randrange(3))) + "]"),
    ]


def _of_model(random: Random) -> str:
    tokens = nested(*_fields(input=random.randrange(10**6), output=5, cache_read=0, cache_creation=7))
    amount = random.choice(["1025", "10.25", "0.0001", "1e2", '"3.5"'])
    cost = nested(("currency", '"USD"'), ("amount", amount))
    return nested(("model", text(random.choice(MODELS))), ("tokens", tokens), ("estimated_cost", cost))


_OPENAI_DAY = '{"object":"bucket","start_time":1794268800,"end_time":1794355200,"results":['
_ANTHROPIC_DAY = '{"starting_at":"2026-11-10T00:00:00Z","ending_at":"2026-11-11T00:00:00Z","results":['


def _openai_page(rows: str) -> str:
    return f'"object":"page","data":[{_OPENAI_DAY}{rows}]}}]'


def _anthropic_page(rows: str) -> str:
    return f'"data":[{_ANTHROPIC_DAY}{rows}]}}]'


def _refreshed_page(rows: str) -> str:
    return f'"data":[{rows}],"data_refreshed_at":"2026-11-11T02:55:00Z"'


def _flat_page(rows: str) -> str:
    return f'"data":[{rows}]'


COMPLETIONS = Report("completions", "openai", "usage/completions", _openai_usage, _openai_page)
COSTS = Report("costs", "openai", "costs", _openai_cost, _openai_page)
CLAUDE_CODE = Report("claude_code", "anthropic", "usage_report/claude_code", _activity, _flat_page)
REPORTS: Mapping[str, Report] = {
    "openai_usage": COMPLETIONS,
    "openai_images": Report("images", "openai", "usage/images", _openai_images, _openai_page),
    "openai_costs": COSTS,
    "openai_costs_with_names": replace(COSTS, row=_named_openai_cost),
    "anthropic_usage": Report("messages", "anthropic", "usage_report/messages", _messages, _anthropic_page),
    "anthropic_costs": Report("cost", "anthropic", "cost_report", _cost_report, _anthropic_page),
    "analytics_usage": Report(
        "messages", "anthropic", "analytics/usage", _analytics_usage, _refreshed_page, "analytics"
    ),
    "analytics_costs": Report("cost", "anthropic", "analytics/cost", _analytics_cost, _refreshed_page, "analytics"),
    "claude_code": CLAUDE_CODE,
}

KEY = "sk-admin-" + "aB3_" * 12
# What may stand where a text is expected: any other JSON too.
ODD_TEXTS = (
    '"jane@acme.com"', '"jane%40acme.com"', text(KEY), '"ghp_' + "aB3c" * 10 + '"', '"eyJhbGciOi"', '"AKIA"', '"a@"',
    r'"gpt\u002d5"', r'"a\/b"', r'"say \"hi\""', r'"line\nbreak"', r'"\ud83d\ude00"', r'"half \ud800"', '"Zürich 😀"',
    '"claude_code_key_jane.doe_ab12"', '"-----BEGIN PRIVATE KEY-----abc"', '""', '" "', "17", "-0", "1.5", "true",
    "null", "[5]", '{"a":1}', text("x" * 20_000), '"' + "é" * 9000 + '"', "1" * 30, r'"a,\":-0"',
)  # fmt: skip
ODD_NUMBERS = (
    "0", "-0", "-0.0", "5.0", "5E+3", "5e3", "1.50", "7.4856e-05", "0.0000000005", "-1.2345678905E-1", "1e-30", "1e-45",
    "0." + "0" * 40 + "1", '"12.503437500000000000"', '"0E-18"', '"1.3E-7"', '"007.5"', '""', '"-0"', '" 5"', '"1_000"',
    '"NaN"', '"٣"', '"abc"', "null", "true", "[]", "{}", "1e400", "1e24", "9" * 24, "1000000000000001",
    "1000000000000000", "-1000000000000000", "9223372036854775808", "1234567890" * 2 + "1234." + "1234567890" * 3,
    "0." + "1234567890" * 4, "1.0000000005", "1.0000000015", '"1.0000000025"', "9" * 20 + "." + "9" * 18, r'"\u0031"',
    "1.", "01", "NaN", "-Infinity",
)  # fmt: skip
NEW_FIELDS: Sequence[Field] = (
    ("new_field", "null"), ("new_field", '{"a":1.10}'), ("new_field", "[]"), ("new_field", '"x"'), ("neu_ü", "null"),
    ("user_email", '"jane@acme.com"'), ("user_email", "null"), ("user_email", '{"is":"jane@acme.com"}'),
    ("user", '{"id":"u1","name":"Jane"}'), ("userName", "5"), ("jane@acme.com", "null"), ("jane@acme.com", "3"),
    ("sk-x", "1"), ("deep", "[" * 100_000 + "]" * 100_000),
)  # fmt: skip


def spoilt(random: Random, row: Row) -> Row:
    """The row with one thing changed, added, taken away or written twice; nested objects are spoilt inside as well."""
    row = list(row)
    kind = random.randrange(8)
    place = random.randrange(len(row)) if row else 0
    if not row or kind == 0:
        row.insert(place, random.choice(NEW_FIELDS))
    elif kind == 1:
        del row[place]
    elif kind == 2:
        row.append((row[place][0], random.choice([row[place][1], "null", "1", '"x"'])))
    elif kind == 3:
        name, value = row[place]
        row[place] = (name.replace("o", r"\u006f", 1), value)
    elif kind == 4:
        random.shuffle(row)
    else:
        row[place] = (row[place][0], _odd_value(random, row[place][1]))
    return row


def _odd_value(random: Random, value: str) -> str:
    inner = _inner(value)
    if inner is not None and random.random() < 0.8:
        return as_text(spoilt(random, inner))
    if value.startswith("[{") and random.random() < 0.8:
        return "[" + as_text(spoilt(random, _inner(value[1 : value.index("]")].split("},{")[0]) or [])) + "]"
    return random.choice(ODD_TEXTS if value.startswith('"') or random.random() < 0.2 else ODD_NUMBERS)


def _inner(value: str) -> Row | None:
    """The fields of an object's text with their own texts; `None` where it is none."""
    try:
        parsed = json.loads(value, parse_float=_Spelt, parse_int=_Spelt)
    except ValueError:
        return None
    return [(name, _spelt(part)) for name, part in parsed.items()] if isinstance(parsed, dict) else None


class _Spelt(str):
    __slots__ = ()


def _spelt(value: object) -> str:
    if isinstance(value, _Spelt):
        return str(value)
    if isinstance(value, dict):
        return nested(*((name, _spelt(part)) for name, part in value.items()))
    return "[" + ",".join(map(_spelt, value)) + "]" if isinstance(value, list) else text(value)


def as_text(row: Row) -> str:
    """The row as JSON text; a name that holds an escape is kept as it is."""
    return "{" + ",".join(f'"{name}":{value}' for name, value in row) + "}"


def spaced(random: Random, body: str) -> str:
    """The page as another program would lay it out: over lines, or with spaces; not what stands in texts."""
    comma, colon = random.choice([(",", ": "), (", ", ":"), (",\n  ", ": "), (",\t", " :")])
    return body.replace(',"', f'{comma}"').replace('":', f'"{colon}').replace("{", "{ ").replace("}", "\r\n}")


def pages(random: Random, report: Report, sizes: Sequence[int], odd: Callable[[Random], bool]) -> list[bytes]:
    """One body for each of `sizes`, the number of its rows. `odd` says, row by row, whether it is spoilt."""
    bodies = []
    for number, size in enumerate(sizes, 1):
        rows = [report.row(random, index) for index in range(size)]
        rows = [spoilt(random, row) if odd(random) else row for row in rows]
        last = number == len(sizes)
        end = f',"has_more":{text(not last)},"next_page":{text(None if last else str(number))}'
        body = "{" + report.page(",".join(map(as_text, rows))) + end + "}"
        if odd(random):
            body = random.choice([spaced(random, body), "\ufeff" + body, body + "\n"])
        bodies.append(body.encode("utf-8", "surrogatepass"))
    return bodies
