"""`budgets` and `forecast`: how an org's budgets stand, what its month will cost, and the budgets themselves."""

from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import TextIO

import click

from cli.amounts import amount_of, bar
from cli.consent import confirm, yes_option
from cli.days import MONTH
from cli.documents import document, only_over, print_document, show_outcome
from cli.json_object import JsonObject
from cli.screen import say, table
from cli.session import Api, asks_api
from cli.text import words

UNATTRIBUTED = "unattributed"
FULL = Decimal(1)
KNOWN_DAYS = ("final", "settling")
OTHER_DAYS = ("provisional", "missing", "to_come")
WHOLE_FROM = Decimal(100)  # a range of larger amounts is told without cents
REASONS = {
    "nothing_loaded": "nothing is loaded",
    "too_few_days": "fewer than two whole weeks are settled, or none lately",
    "stopped": "its days are not loaded any more",
    "label_unknown": "there is no such label any more",
    "value_unknown": "no rule of its label gives this value any more",
    "balance_too_old": "the balance is older than 400 days",
}

OF_NOTHING = ("label_unknown", "value_unknown")  # of a budget


class _Statuses(click.Group):
    """Group that shows how budgets stand where no command is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Puts `status` before options that are its own."""
        is_named = bool(args) and (args[0] in self.commands or args[0] in ("-h", "--help"))
        return super().parse_args(ctx, args if is_named else ["status", *args])


month_option = click.option("--month", type=MONTH, help="UTC month: YYYY-MM, this, last; the current one, if left out.")


@click.group(cls=_Statuses)
def budgets() -> None:
    """Budgets: how they stand this month (`budgets` alone), and what they are."""


@budgets.command("status")
@month_option
@asks_api
def show_standings(api: Api, month: str | None) -> None:
    """Show what is spent of each budget, and what will be; the same as `budgets` alone."""
    answer = api.call("GET", "costs", api.org, "budgets", query={"month": month and month[:7]})
    api.screen.answer(answer, _show_standings)


@budgets.command("show")
@click.option("--version", type=click.IntRange(1), help="An older version; the one that counts, if left out.")
@asks_api
def show_budgets(api: Api, version: int | None) -> None:
    """Print the budgets as the file that `set` reads, and their version beside it."""
    answer = api.call("GET", "organizations", api.org, "budgets", query={"version": version})
    api.screen.answer(answer, partial(print_document, name="budgets"))


@budgets.command("set")
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option("--over", type=click.IntRange(0), metavar="VERSION", help="Only if this version still counts.")
@yes_option
@asks_api
def set_budgets(api: Api, file: TextIO, over: int | None, yes: bool) -> None:
    """Replace all budgets by those of FILE (JSON; - reads standard input). Asks first."""
    body = document(file, "budgets")
    confirm(f"All budgets of {api.org} are replaced. Go on?", yes=yes)
    headers = only_over(api, "budgets", over)
    answer = api.call("PUT", "organizations", api.org, "budgets", body=body, headers=headers)
    api.screen.answer(answer, partial(show_outcome, name="budgets"))


@click.command()
@month_option
@click.option("--by", "group_by", metavar="NAME", help="provider or label:NAME; provider, if left out.")
@asks_api
def forecast(api: Api, month: str | None, group_by: str | None) -> None:
    """Tell what the month will cost: the forecast with its range, by provider or label."""
    answer = api.call("GET", "costs", api.org, "forecast", query={"month": month and month[:7], "group_by": group_by})
    api.screen.answer(answer, _show_forecast)


def _show_standings(body: JsonObject) -> None:
    if not body["budgets"]:
        say(f"No budget holds in {body['month']}.")
        return
    say(f"Billed in {body['month']}{', which is over' if body['is_over'] else ''}")
    say("")
    columns = ("BUDGET", "OF", "", "AMOUNT", "SPENT", "USED", "FORECAST", "RANGE")
    table(columns, [_standing(each) for each in body["budgets"]], ("OF", "RANGE"))
    say("")
    for each in body["budgets"]:
        for sentence in _remarks(each, is_over=body["is_over"]):
            say(f"{each['name']}: {sentence}")
    began_or_stopped(body["budgets"])
    rests_on(body["budgets"])


def _standing(each: JsonObject) -> list[object]:
    amounts = [amount_of(Decimal(each["amount"])), _known(each["spent"])]
    used = "" if each["spent_share"] is None else _share(Decimal(each["spent_share"]))
    return [each["name"], _of(each["of"]), each["currency"], *amounts, used, *_forecast(each)]


def _of(of: JsonObject) -> str:
    if of["label"]:
        return f"{of['label']} {of['value'] or UNATTRIBUTED}"
    return str(of["provider"] or "all costs")


def _share(share: Decimal) -> str:
    return f"{share * 100:5.1f} % {bar(min(max(share, Decimal()), FULL), 3 * FULL)}".rstrip()


def _known(text: str | None) -> object:
    return "?" if text is None else amount_of(Decimal(text))


def _forecast(costs: JsonObject) -> list[object]:
    found = costs["forecast"]
    if found is None:
        return ["?", ""]
    low, high = Decimal(found["low"]), Decimal(found["high"])
    whole = min(abs(low), abs(high)) >= WHOLE_FROM
    ends = [amount.quantize(FULL) if whole else amount_of(amount) for amount in (low, high)]
    return [amount_of(Decimal(found["amount"])), "" if low == high else f"{ends[0]} … {ends[1]}"]


def _remarks(each: JsonObject, *, is_over: bool) -> Sequence[str]:
    found = []
    if 100 in each["reached"]:
        found.append("it is spent.")
    elif each["is_forecast_over"] and not is_over:
        found.append(f"the forecast passes it, {_percent(each['forecast_share'])}.")
    elif each["reached"]:
        found.append(f"{each['reached'][-1]} % of it is spent.")
    if each["unknown"]:
        lead = "it covers nothing" if each["unknown"]["reason"] in OF_NOTHING else "no forecast"
        found.append(f"{lead}: {not_known(each['unknown'])}.")
    if each["other_currencies"]:
        found.append(f"costs in {', '.join(each['other_currencies'])} do not count.")
    return found


def _percent(share: str | None) -> str:
    return f"{Decimal(share or 0) * 100:.0f} %"


def not_known(unknown: JsonObject) -> str:
    """Why something is not known, in words."""
    reason = REASONS.get(str(unknown["reason"]), str(unknown["reason"]))
    return f"{reason} ({unknown['provider']})" if unknown["provider"] else reason


def rests_on(told: Sequence[JsonObject]) -> None:
    """Says what numbers rest on: the most days of each state, and the fewest weeks of what is known by weeks."""
    most = {state: max(each["rests_on"][state] for each in told) for state in (*KNOWN_DAYS, *OTHER_DAYS)}
    days = ", ".join(f"{number} {words(state)}" for state, number in most.items() if number)
    if days:
        say(f"Days of providers: {days}.")
    by_weeks = [each["rests_on"] for each in told if not each["unknown"]]
    weeks = [each["weeks"] for each in by_weeks if any(each[state] for state in OTHER_DAYS)]
    if weeks:
        say(f"Those not known are taken from the last {min(weeks)} whole weeks.")


def began_or_stopped(told: Sequence[JsonObject]) -> None:
    """Says which providers count with what is loaded of them, and from or up to which day, each once."""
    first_days = {each["provider"]: each["first_day"] for costs in told for each in costs["began"]}
    for provider, day in sorted(first_days.items()):
        say(f"{provider} is loaded from {day} on: nothing is counted of the days before.")
    last_days = {each["provider"]: each["last_day"] for costs in told for each in costs["stopped"]}
    for provider, day in sorted(last_days.items()):
        say(f"{provider} was last loaded for {day}: nothing more is expected of it.")


def _show_forecast(body: JsonObject) -> None:
    if not body["results"]:
        say("No costs are loaded.")
        return
    say(f"Billed in {body['month']}{', which is over' if body['is_over'] else ''}")
    for result in body["results"]:
        say("")
        title = body["group_by"].upper()
        groups = [
            [_name(group["key"]), _known(group["spent"]), *_forecast(group), _known(group["run_rate"])]
            for group in result["groups"]
        ]
        total = result["total"]
        groups.append(["total", _known(total["spent"]), *_forecast(total), _known(total["run_rate"])])
        table((title, f"SPENT {result['currency']}", "FORECAST", "RANGE", "RUN RATE"), groups, ("RUN RATE", "RANGE"))
        for each in (*result["groups"], total):
            if each["unknown"]:
                say(f"{_name(each.get('key', {})) or 'total'}: no forecast: {not_known(each['unknown'])}.")
    say("")
    totals = [result["total"] for result in body["results"]]
    began_or_stopped(totals)
    rests_on(totals)


def _name(key: JsonObject) -> str:
    return " · ".join(value or UNATTRIBUTED for value in key.values())
