"""Pages are read by the column where they are plain, and row by row where not: nobody can tell which it was."""

import re
from collections.abc import Sequence
from decimal import Decimal
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from providers.columnar import PlainRows
from providers.lines import from_cents, numeric
from providers.plain import COUNT, FLAG, NUMBER, TEXT, NotPlain, PageShape, shape
from tests.providers.generated import COMPLETIONS, COSTS, REPORTS, Report, pages
from tests.providers.readings import read

BOM = "\ufeff".encode()  # the row code takes it, as JSON's own parser does; nothing that begins with it is plain


def never_plain(bodies: Sequence[bytes]) -> list[bytes]:
    """The same pages in a form that only the row code reads."""
    return [body if body.startswith(BOM) else BOM + body for body in bodies]


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(sorted(REPORTS)),
    random=st.integers(0, 2**64).map(Random),
    sizes=st.lists(st.integers(0, 6), min_size=1, max_size=5),
    one_of=st.sampled_from([1, 2, 5, 20]),
    model=st.sampled_from([b"gpt-5.4-2026-03-05", b"a},{b", rb"\n", b"jane@acme.com"]),  # what texts are cut at, too
)
def test_both_ways_give_the_same(name: str, random: Random, sizes: list[int], one_of: int, model: bytes) -> None:
    """Whatever the pages hold, rows, digest, sums, notes and errors are those of the row code, column by column."""
    bodies = pages(random, REPORTS[name], sizes, lambda it: it.randrange(one_of) == 0)
    bodies = [body.replace(b"gpt-5.4-2026-03-05", model) for body in bodies]
    found, by_row = read(REPORTS[name], bodies), read(REPORTS[name], never_plain(bodies))
    assert (found.golden, found.unrounded, found.texts) == (by_row.golden, by_row.unrounded, by_row.texts)
    assert not any(by_column for by_column, _ in by_row.pages.values())
    if found.table is not None and by_row.table is not None:
        assert [c for c in found.table.column_names if not found.table[c].equals(by_row.table[c])] == []


def of_day(report: Report, *sizes: int) -> list[bytes]:
    return pages(Random(7), report, sizes, lambda _: False)


@pytest.mark.parametrize("name", REPORTS)
def test_plain_pages_are_read_by_the_column(name: str) -> None:
    """What the vendors send on an ordinary day goes by the column, whole; laid out over lines too."""
    bodies = of_day(REPORTS[name], 50, 0, 50)
    laid_out = [body.replace(b":{", b": {\n").replace(b'":', b'": ').replace(b',"', b',\n  "') for body in bodies]
    assert list(read(REPORTS[name], bodies).pages.values()) == [(2, 0)]
    assert list(read(REPORTS[name], laid_out).pages.values()) == [(2, 0)]


def test_only_the_odd_page_is_read_row_by_row() -> None:
    """One e-mail address in one row of many pages costs that page's rows, and no others."""
    bodies = of_day(COSTS, *[30] * 10)
    bodies[4] = bodies[4].replace(b'"project_id":"proj_', b'"project_id":"jane@acme.com ', 1)
    found = read(COSTS, bodies)
    assert found.pages == {"costs": (9, 1)}
    assert found.table is not None
    assert len([row for row in found.table["project_id"].to_pylist() if row and row.startswith("[e-mail] ")]) == 1


def test_what_is_told_of_line_items_holds_no_address() -> None:
    """An e-mail address in a line item is as unknown to the run's messages as it is to the rows."""
    (body,) = of_day(COSTS, 30)
    found = read(COSTS, [body.replace(b'"line_item":"', b'"line_item":"jane@acme.com ', 1)])
    assert len([text for text in found.texts["line_item"] if text.startswith("[e-mail] ")]) == 1
    assert not [text for text in found.texts["line_item"] if "jane" in text]


def test_records_without_a_model_are_plain() -> None:
    """A page of Claude Code on which nobody used a model has no amounts, and is read by the column."""
    bodies = [
        re.sub(rb'"model_breakdown":\[.*?\}\]', b'"model_breakdown":[]', body)
        for body in of_day(REPORTS["claude_code"], 20)
    ]
    assert read(REPORTS["claude_code"], bodies).pages == {"claude_code": (1, 0)}


NOTHING_SENT = st.sampled_from([None, UNSET])


@given(
    texts=st.lists(NOTHING_SENT | st.sampled_from(["", "a", "b\n", "ä"]), min_size=1, max_size=6),
    counts=st.lists(NOTHING_SENT | st.integers(-1, 1), min_size=1, max_size=6),
    flags=st.lists(NOTHING_SENT | st.booleans(), min_size=1, max_size=6),
)
def test_columns_hold_what_was_sent(texts: list[Any], counts: list[Any], flags: list[Any]) -> None:
    """A column has each row's value, or null where none was sent, whether all are the same, some, or only the ends."""
    kind = shape("Values", text=TEXT, count=COUNT, flag=FLAG)

    def sent(values: Sequence[Any]) -> list[Any]:
        return [None if value is UNSET else value for value in values]

    assert PlainRows([kind(text=text) for text in texts]).text("text").to_pylist() == sent(texts)
    assert PlainRows([kind(count=count) for count in counts]).count("count").to_pylist() == sent(counts)
    assert PlainRows([kind(flag=flag) for flag in flags]).flag("flag").to_pylist() == sent(flags)


def test_names_that_only_look_like_keys_stay_plain() -> None:
    """A mark of a key in a name that is none, as in sk-learn-bot, is looked at, and the page is plain."""
    bodies = [body.replace(b"gpt-5.4-2026-03-05", b"risk-task-eyJ-AKIA@x") for body in of_day(COSTS, 200)]
    found = read(COSTS, bodies)
    assert found.pages == {"costs": (1, 0)}
    assert found.table is not None
    assert "risk-task-eyJ-AKIA@x" in found.table["line_item"].to_pylist()


BEYOND_REASON = (
    "1e-999999999",
    "1e999999999",
    "1e99999999999999999999",
    "-1.5E-99999999999999999999",
    "1" * 5000,
    "0." + "1" * 5000,
)
NUMBERS = [
    ("openai_costs", b"value"),
    ("openai_costs", b"quantity"),
    ("anthropic_costs", b"amount"),
    ("analytics_costs", b"amount"),
    ("analytics_costs", b"list_amount"),
    ("claude_code", b"amount"),
]


@pytest.mark.parametrize("form", ["%s", '"%s"'], ids=["number", "string"])
@pytest.mark.parametrize("literal", BEYOND_REASON, ids=lambda it: it[:24])
@pytest.mark.parametrize(("name", "field"), NUMBERS)
def test_no_number_breaks_the_process(name: str, field: bytes, literal: str, form: str) -> None:
    """Numbers with an exponent or with digits beyond all reason are judged by the row code, by column never."""
    report, value = REPORTS[name], b'"%b":%b' % (field, (form % literal).encode())
    (plain,) = of_day(report, 5)
    odd = [re.sub(rb'"%b":[^,}]+' % field, value, plain)]
    assert value in odd[0]
    found = read(report, odd)
    assert found.golden == read(report, never_plain(odd)).golden
    assert not any(by_column for by_column, _ in found.pages.values())


@pytest.mark.parametrize("literal", BEYOND_REASON, ids=lambda it: it[:24])
@pytest.mark.parametrize("before", ['{"object":"page",', '"start_time":1794268800,'])
def test_a_number_beside_the_rows(before: str, literal: str) -> None:
    """A number of a page or of its bucket that nobody can read makes the page unreadable, plain or not."""
    odd = [body.replace(before.encode(), f'{before}"total":[{literal}],'.encode()) for body in of_day(COSTS, 1)]
    assert literal.encode() in odd[0]
    assert read(COSTS, odd).golden == read(COSTS, never_plain(odd)).golden


KNOWN = [
    b'"object":"page"',
    b'"object":"bucket"',
    b'"end_time":1794355200',
    b'"output_tokens":0',
    b'"service_tier":"default"',
]


@pytest.mark.parametrize("literal", BEYOND_REASON, ids=lambda it: it[:24])
@pytest.mark.parametrize("known", KNOWN, ids=bytes.decode)
def test_a_number_in_a_known_field(known: bytes, literal: str) -> None:
    """A number that nobody can read makes the page unreadable too where the field is one of those that are known."""
    (plain,) = of_day(COMPLETIONS, 1)
    odd = [plain.replace(known, known.partition(b":")[0] + b":" + literal.encode())]
    assert odd != [plain]
    assert read(COMPLETIONS, odd).golden == read(COMPLETIONS, never_plain(odd)).golden


def literal(random: Random) -> str:
    """A number of JSON: up to 24 digits, perhaps with a sign, up to 38 more, or an exponent; many end in a half."""

    def digits(most: int) -> str:
        return "".join(random.choices("0123456789", k=random.randint(0, most)))

    fraction = f".{random.choice([digits(38) or '0', digits(10) + '5' + '0' * random.randint(0, 27)])}"
    exponent = f"{random.choice('eE')}{random.choice(['', '+', '-'])}{random.randint(0, 99)}"
    whole = random.choice(["0", random.choice("123456789") + digits(23)])
    return random.choice(["", "-"]) + whole + random.choice(["", fraction]) + random.choice(["", exponent])


LITERALS = st.integers(0, 2**64).map(lambda seed: literal(Random(seed)))


@settings(max_examples=200, deadline=None)
@given(literals=st.lists(LITERALS, min_size=4, max_size=4), cents=st.booleans())
def test_amounts_are_rounded_as_the_row_code_rounds(literals: list[str], cents: bool) -> None:
    """Whatever its digits, an amount that is read by the column is exactly the one of the row code; alone or not."""
    plain = [each for each in literals if are_rounded_alike([each], cents)]
    are_rounded_alike(plain, cents)


def are_rounded_alike(literals: list[str], cents: bool) -> bool:
    """Whether the amounts are read by the column; they must be those of the row code then."""
    kind: Any = shape("Row", {"amount": NUMBER})
    text = "[" + ",".join(f'{{"amount":{it}}}' for it in literals) + "]"
    rows = PlainRows(msgspec.json.decode(text, type=list[kind]))
    try:
        found = rows.numeric("amount", cents=cents).to_pylist()
    except NotPlain:
        return False
    sent = [Decimal(literal) for literal in literals]
    assert found == [numeric(from_cents(number) if cents else number) for number in sent]
    return True


@pytest.mark.parametrize(
    ("literal", "rounded"),
    [
        ("0.0000000005", "1E-9"),
        ("-0.00000000049999999999999999999999999", "0E-9"),
        ("9999999999.99999999995", "10000000000.000000000"),
        ("99999999999999999999.5", "99999999999999999999.500000000"),
        ("1234567890.12345678901234567890123456789012345678", "1234567890.123456789"),
    ],
)
def test_amounts_at_the_bounds_are_read_by_the_column(literal: str, rounded: str) -> None:
    """An amount of more digits than most have, or one that is rounded up to more, is read all the same."""
    kind = shape("Row", {"amount": NUMBER})
    rows = PlainRows(msgspec.json.decode(f'[{{"amount":{literal}}}]', type=list[kind]))  # type: ignore[valid-type]
    assert rows.numeric("amount").to_pylist() == [Decimal(rounded)]


def test_what_earlier_pages_tell_comes_first() -> None:
    """A page of another day ends the report, after the pages before it have told of their costs without an amount."""
    bodies = of_day(COSTS, 3, 3)
    bodies[0] = bodies[0].replace(b'"value":', b'"value":"unknown","was":').replace(b'"was":', b'"value":', 1)
    bodies[1] = bodies[1].replace(b"1794268800", b"1794355200")
    found = read(COSTS, bodies)
    assert "start_time is not the day that was asked for" in found.error
    assert found.golden == read(COSTS, never_plain(bodies)).golden
    assert found.unpriced


def test_each_page_has_its_own_freshness() -> None:
    """Pages of the analytics that were refreshed at different times keep their own, in one reading."""
    report = REPORTS["analytics_costs"]
    bodies = of_day(report, 2, 2, 2)
    bodies[1] = bodies[1].replace(b"2026-11-11T02:55:00Z", b"2026-11-11T04:00:00+01:00")
    found, by_row = read(report, bodies), read(report, never_plain(bodies))
    assert found.pages == {"analytics/cost": (3, 0)}
    assert (found.table, found.fingerprint) == (by_row.table, by_row.fingerprint)


def around_rows(body: bytes) -> dict[str, bytes]:
    """The page with other things around its rows, which `Line` reads as the same rows or as twice as many."""
    bucketed = b'"results":[' in body
    before = b'"results":[' if bucketed else b'"data":['
    start = body.index(before)
    end = body.index(b'}],"has_more"') if bucketed else body.index(b"]", body.rindex(b"}}")) + 1
    rows = body[start:end]
    spelled = rows.replace(b"tokens", rb"t\u006fkens", 1)
    assert spelled != rows
    found = {
        "as_it_was": body,
        "beside_others": b'{"shadow":{%b},' % rows.replace(b"tokens", b"tokans", 1) + body[1:],
        "after_others": body[:start] + spelled + b"," + body[start:],
        "before_others": body[:end] + b"," + spelled + body[end:],
        "after_its_name": b'{"object":"'
        + before.replace(b'"', rb"\"")
        + b'",'
        + body[1:].replace(b'"object":"page",', b""),
        "at_the_end": b'{"has_more":false,' + body[1:].replace(b',"has_more":false', b""),
        "without_next_page": body.replace(b',"next_page":null', b""),
        "without_next_page_and_as_long": body.replace(b',"next_page":null', b',"next_pago":null'),
        "before_a_space": body + b" ",
    }
    if bucketed:
        bucket = body[body.index(b'"data":[') + 8 : end + 1]
        found["twice"] = body.replace(bucket, bucket + b"," + bucket)
    return found


@pytest.mark.parametrize("name", ["openai_costs", "anthropic_costs", "analytics_costs"])
def test_rows_are_kept_as_sent_whatever_stands_around_them(name: str) -> None:
    """The text of a row is its own: not one beside it that reads the same, nor one that is spelled otherwise."""
    (body,) = of_day(REPORTS[name], 20)
    for what, found in around_rows(body).items():
        by_column, by_row = read(REPORTS[name], [found]), read(REPORTS[name], never_plain([found]))
        assert by_column.golden == by_row.golden, what
        assert by_column.table is not None, what
        assert by_column.table["raw"].equals(by_row.table["raw"] if by_row.table else None), what


ONE_ROW = [
    ("openai_costs", b'"line_item":"', b'"line_item":"},{'),
    ("openai_costs", b'"user_id":null', b'"user_id":"a},{b","user_email":null'),
    ("openai_usage", b'"model":"', rb'"model":"\n'),
    ("openai_costs", b'"line_item":"', rb'"line_item":"a\u001Fb'),
    ("openai_costs", b'"quantity":', b'"quantity":-0,"was":'),
    ("openai_costs", b'"value":', b'"value":null,"was":'),
    ("openai_costs", b'"value":', b'"value":0.0000000025,"was":'),
    ("openai_costs", b'"value":', b'"value":"-0.0000000025","was":'),
    ("anthropic_costs", b'"amount":"', b'"amount":"0.00000025","was":"'),
    ("openai_costs", b'{"object":"organization', b'{"user_email":"jane@acme.com","object":"organization'),
    ("openai_costs", b'"quantity_unit":', b'"user_email":{"is":"x"},"quantity_unit":'),
    ("openai_costs", b'"quantity_unit":', b'"user_email":"\xff","quantity_unit":'),
    ("claude_code", b'"tool_actions":{', b'"tool_actions":{"user_name":{"accepted":1},'),
    ("claude_code", b'"tool_actions":{', b'"tool_actions":{"jane@acme.com":{"accepted":1},'),
    ("claude_code", b'"currency":"USD"', b'"currency":"EUR"'),
]


@pytest.mark.parametrize("name", [name for name, report in REPORTS.items() if "cost" in report.name])
def test_no_text_of_a_row_is_stored_unseen(name: str) -> None:
    """An e-mail address in any one field of a row that is stored whole is in no column, as by the row code."""
    report = REPORTS[name]
    (body,) = of_day(report, 20)
    first = body.index(b"{", body.index(b'"results":[' if b'"results":[' in body else b'"data":['))
    second = body.index(b"},{", first)
    fields = list(re.finditer(rb'"(\w+)":("[^"]*"|[^",{}]+)', body[second : body.index(b"},{", second + 1)]))
    assert len(fields) > 7
    for field in fields:
        start, end = (second + at for at in field.span(2))
        found = [body[:start] + b'"jane@acme.com"' + body[end:]]
        reading = read(report, found)
        assert reading.golden == read(report, never_plain(found)).golden, field[1]
        assert reading.table is None or "jane" not in str(reading.table.to_pylist()), field[1]


def test_a_number_that_nobody_reads_is_judged_too() -> None:
    """A row is stored whole only if no e-mail address stands where it should have a number that has no column."""
    rows = shape("Rows", n=NUMBER)

    def of(sent: bytes) -> PlainRows:
        return PlainRows(msgspec.json.decode(b"[" + sent + b"]", type=list[rows]), sent)  # type: ignore[valid-type]

    assert of(b'{"n":5},{}').texts_without().to_pylist() == ['{"n":5}', "{}"]
    with pytest.raises(NotPlain):
        of(b'{"n":5},{"n":"jane@acme.com"}').texts_without()


@pytest.mark.parametrize("kind", [list[str], dict[str, int], object])
def test_a_shape_in_which_a_text_could_hide_is_refused(kind: object) -> None:
    """A row that is to be stored whole has no field of which nobody can say whether it holds a text."""
    hiding = shape("Hiding", part=shape("Part", inner=kind))
    with pytest.raises(TypeError, match="Hiding: texts may stand unseen in part"):
        PageShape(hiding, keeps_text=True)
    within = shape("Hiding", {"part": shape("Part", inner=kind)})
    with pytest.raises(TypeError, match=r"Hiding: texts may stand unseen in part.inner"):
        PageShape(within, keeps_text=True)


@pytest.mark.parametrize(("name", "sent", "odd"), ONE_ROW)
def test_one_odd_row_is_the_row_codes(name: str, sent: bytes, odd: bytes) -> None:
    """A value that needs a judgement takes its page to the row code, or is read as the row code would."""
    report = REPORTS[name]
    (body,) = of_day(report, 20)
    at = body.index(sent)
    left_out = b'"was":'
    end = odd.index(left_out) + len(left_out) if left_out in odd else None
    rest = body[at + len(sent) :]
    if end is not None:  # the value that was sent goes
        odd, rest = odd[: end - len(left_out) - 1], rest[re.search(rb"[,}]", rest).start() :]  # type: ignore[union-attr]
    found = [body[:at] + odd + rest]
    assert found != [body]
    assert read(report, found).golden == read(report, never_plain(found)).golden
