"""`costs` and `unit-costs`: what an org's costs are, with bars, totals, and the days that are not final yet."""

from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial

import click

from cli.amounts import amount_of, bar
from cli.days import DAY, MONTH, last_day_of
from cli.failures import Usage
from cli.http import Answer
from cli.json_object import JsonObject
from cli.screen import say, table
from cli.session import Api, asks_api

DIMENSIONS = ("provider", "service", "model", "token_type", "sub_account", "api_key", "region", "sku", "tag", "label")
NINE = Decimal("1e-9")  # as many decimals as prices have
OTHER, UNATTRIBUTED, NO_GROUP = "other", "unattributed", "all"
LEFT_OUT_FIRST = ("SHARE", "BEFORE", "")
MARKS = {
    "settling": "~", "provisional": "*", "half_loaded": "½", "unknown": "?", "missing": "!",
}  # fmt: skip
Decorator = Callable[[Callable[..., object]], Callable[..., object]]


def question_options(command: Callable[..., object]) -> Callable[..., object]:
    """Options of days, filters and comparison."""
    options: list[Decorator] = [
        click.option("--since", "start", type=DAY, help="The first UTC day: YYYY-MM-DD, yesterday, 30d (days ago)."),
        click.option("--until", "end", type=DAY, help="The last one, inclusive; yesterday, if left out."),
        click.option("--month", type=MONTH, help="All days of a UTC month instead: YYYY-MM, this, last."),
        click.option("--only", multiple=True, metavar="NAME=VALUE", help="Only costs of this; again for more values."),
        click.option("--not", "without", multiple=True, metavar="NAME=VALUE", help="All costs but those of this."),
        click.option(
            "--compare",
            is_flag=True,
            help="With the days before: a month with the same days of the month before. Up to the last loaded day.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.option(
    "--by", "group_by", multiple=True, metavar="NAME", help="Group by this; again, or commas, for up to three."
)
@question_options
@click.option(
    "--granularity", type=click.Choice(["day", "week", "month"]), help="Periods of --json and --csv; days, if left out."
)
@click.option(
    "--metric",
    type=click.Choice(["billed", "effective", "list", "contracted", "consumed"]),
    help="Which cost, or the quantity that was consumed; billed, if left out.",
)
@click.option("--basis", type=click.Choice(["usage", "invoice_month"]), help="By UTC days, or months of invoices.")
@click.option("--limit", type=click.IntRange(1, 500), help="Groups that are told one by one; 10, if left out.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the amounts as CSV, and nothing else.")
@asks_api
def costs(api: Api, /, as_csv: bool, **options: object) -> None:
    """Show costs by provider, service, model, token_type, sub_account, api_key, region, sku, tag:KEY or label:NAME.

    --only and --not take the same names, and tag:KEY=VALUE; an empty VALUE is what has none.
    """
    if as_csv and api.screen.as_json:
        raise Usage("Give --csv or --json, not both.")
    query = _query(options)
    if not (as_csv or api.screen.as_json):
        query["granularity"] = query.get("granularity") or "month"  # the table has sums alone
    is_open = options["end"] is None
    if as_csv:
        if is_open and query["compare"]:
            query |= {"end": _asked(api, query, is_open=True).body["end"]}
        answer = api.call("GET", "costs", api.org, "export", query={**query, "format": "csv"})
        click.echo(answer.text, nl=False)
        return
    api.screen.answer(_asked(api, query, is_open=is_open), _show)


@click.command("unit-costs")
@click.option("--by", "group_by", metavar="NAME", help="One more dimension beside provider, model and token type.")
@question_options
@asks_api
def unit_costs(api: Api, /, **options: object) -> None:
    """Show what a million tokens costs by model and type, and what caches have saved."""
    is_open = options["end"] is None
    api.screen.answer(_asked(api, _query(options), "unit-costs", is_open=is_open), _show_unit_costs)


def _asked(api: Api, query: JsonObject, *path: str, is_open: bool) -> Answer:
    """Answer to a question. One that compares, and names no last day, is of days up to the last that is loaded.

    Days that nobody has loaded yet would be compared with days that are.
    """
    answer = api.call("GET", "costs", api.org, *path, query=query)
    if not (is_open and query["compare"]) or query.get("basis") == "invoice_month":
        return answer
    start, end = answer.body["start"], answer.body["end"]
    loaded = [each["date"] for each in answer.body["completeness"] if each["state"] != "missing"]
    last = max((day for day in loaded if start <= day <= end), default=end)
    return answer if last == end else api.call("GET", "costs", api.org, *path, query={**query, "end": last})


def _query(options: JsonObject) -> JsonObject:
    compare, only, without = options.pop("compare"), options.pop("only"), options.pop("without")
    before = "previous_period"
    if (month := options.pop("month")) is not None:
        if options["start"] or options["end"]:
            raise Usage("Give --month, or --since and --until, not both.")
        is_whole = options.get("basis") == "invoice_month"  # the API tells it by whole months alone
        before = "previous_month"
        options = {**options, "start": month, "end": last_day_of(month, is_whole=is_whole)}
    query: JsonObject = {**options, "compare": before if compare else None}
    if isinstance(query.get("group_by"), tuple):
        query["group_by"] = ",".join(query["group_by"]) or None
    for prefix, filters in (("", only), ("not_", without)):
        for text in filters:
            name, value = _filter(text)
            query.setdefault(f"{prefix}{name}", []).append(value)
    return query


def _filter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    dimension, colon, key = name.partition(":")
    if not equals or dimension not in DIMENSIONS or bool(colon) is not (dimension in ("tag", "label")):
        raise Usage(f"{text} is no filter: write NAME=VALUE, such as model=gpt-5, tag:a=b or label:team=search.")
    return dimension, f"{key}={value}" if colon else value


def _show(body: JsonObject) -> None:
    say(_heading(body))
    for sums in body["results"]:
        say("")
        _show_sums(body, sums)
    if not body["results"]:
        say("Nothing was charged.")
    _show_completeness(body)


def _heading(body: JsonObject) -> str:
    words = [f"{body['metric'].capitalize()}, {body['start']} to {body['end']}"]
    if body["previous"]:
        words.append(f"before: {body['previous']['start']} to {body['previous']['end']}")
    return ", ".join(words)


def _show_sums(body: JsonObject, sums: JsonObject) -> None:
    compared, is_quantity = body["previous"] is not None, sums["currency"] is None
    totals = [Decimal(group["total"]) for group in sums["groups"]]
    largest = max(map(abs, totals), default=Decimal())
    whole = Decimal(sums["total"])
    amount = partial(amount_of, is_quantity=is_quantity)
    rows = [
        [_name(group), amount(total), *_compared(group, compared, amount), _share(total, whole), bar(total, largest)]
        for group, total in zip(sums["groups"], totals, strict=True)
    ]
    if len(rows) > 1:
        rows.append(["total", amount(whole), *_compared(sums, compared, amount), "", ""])
    before = ["BEFORE", "CHANGE"] if compared else []
    title = ", ".join(body["group_by"]).upper() or "COSTS"
    table((title, sums["currency"] or sums["unit"], *before, "SHARE", ""), rows, LEFT_OUT_FIRST)


def _name(group: JsonObject) -> str:
    if group["kind"] == OTHER:
        return f"{OTHER} ({group['group_count']} groups)"
    if group["kind"] == UNATTRIBUTED:
        return UNATTRIBUTED
    texts = [group["names"].get(word, value) if value is not None else "-" for word, value in group["key"].items()]
    return " · ".join(texts) or NO_GROUP


def _compared(of: JsonObject, compared: bool, amount: Callable[[Decimal], Decimal]) -> list[object]:
    if not compared:
        return []
    before = Decimal(of["previous_total"] or 0)
    return [amount(before), _change(Decimal(of["total"]), before)]


def _change(now: Decimal, before: Decimal) -> str:
    if not before:
        return "new" if now else ""
    return f"{(now - before) / abs(before) * 100:+.1f} %"


def _share(amount: Decimal, whole: Decimal) -> str:
    return f"{amount / whole * 100:5.1f} %" if whole > 0 <= amount else ""


def _show_completeness(body: JsonObject) -> None:
    """Says which days are not final, for each provider and state."""
    if body["is_final"]:
        say("All days are final.")
        return
    if not body["completeness"]:
        say("No day is loaded.")
        return
    counts = Counter((each["provider"], each["state"]) for each in body["completeness"])
    days = Counter(each["provider"] for each in body["completeness"])
    say("")
    for (provider, state), number in sorted(counts.items()):
        if state != "final":
            dates = [
                day["date"] for day in body["completeness"] if (day["provider"], day["state"]) == (provider, state)
            ]
            mark, word = MARKS.get(state, "?"), state.replace("_", "-")
            say(f"{mark} {provider}: {number} of {days[provider]} days {word}, {_ranges(dates)}")


def _ranges(dates: Sequence[str]) -> str:
    """First and last of some days."""
    return dates[0] if len(dates) == 1 else f"{dates[0]} … {dates[-1]}"


def _show_unit_costs(body: JsonObject) -> None:
    say(f"Cost of a million tokens, {_heading(body)[0].lower()}{_heading(body)[1:]}")
    compared = body["previous"] is not None
    if not body["unit_costs"]:
        say("No tokens were charged.")
    else:
        say("")
        before = ("BEFORE", "CHANGE") if compared else ()
        names = ", ".join(body["group_by"][1:]).upper()
        rows = [_unit_row(each, compared) for each in body["unit_costs"]]
        table((names, "", "PER MILLION", *before, "COST", "TOKENS"), rows, ("TOKENS", "COST"))
    for saving in body["cache_savings"]:
        name = " · ".join(value for word, value in saving["key"].items() if value and word != "provider")
        saved = Decimal(saving["saved"])
        verb = "saved" if saved >= 0 else "cost more than it saved:"
        say(f"The cache {verb} {amount_of(abs(saved))} {saving['currency']} with {name}.")
    _show_completeness(body)


def _unit_row(each: JsonObject, compared: bool) -> list[object]:
    now = _price(each["cost_per_million"])
    row: list[object] = [_name_of_tokens(each), each["currency"], now]
    if compared:
        before = _price(each["previous"]["cost_per_million"])
        row += [before, _change(now, before) if isinstance(now, Decimal) and isinstance(before, Decimal) else ""]
    return [*row, amount_of(Decimal(each["cost"])), int(Decimal(each["tokens"]))]


def _name_of_tokens(each: JsonObject) -> str:
    if each["key"] is None:
        return OTHER
    return " · ".join(value or "-" for word, value in each["key"].items() if word != "provider")


def _price(text: str | None) -> Decimal | str:
    """Price with all of its digits: it is compared."""
    return "" if text is None else Decimal(text).quantize(NINE)
