"""The page *Budgets* of the settings: budgets and prepaid balances, each added, changed and removed by a form."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from flask import Response, request
from werkzeug.datastructures import ETags

from cloudact.budgets.balance import MOST_BALANCES, Balance, counting
from cloudact.budgets.budget import MOST_BUDGETS, Budget
from cloudact.budgets.forecast import Reason
from cloudact.budgets.standing import Plans
from cloudact.costs.labels import Label
from cloudact.error_codes import Code
from functions.console.budget_card import WHY, scope_words
from functions.console.budget_form import (
    BALANCE,
    BUDGET,
    LABEL,
    PROVIDER,
    PartForm,
    balance_of,
    budget_of,
    empty_form,
    form_of,
    read_texts,
)
from functions.console.collaborators import Console
from functions.console.cost_words import amount
from functions.console.flash import flash_text
from functions.console.forms import read_form
from functions.console.pages import go, page
from functions.console.sessions import Visit, visit
from functions.costs.budget_endpoints import (
    check_balances,
    check_budgets,
    put_balances_requested,
    put_budgets_requested,
)
from functions.costs.stored_budgets import StoredBalances, StoredBudgets
from functions.web.problems import Problem

MOST_SHOWN = 50  # balances; the older ones are counted
MONTHS_SHOWN = 2  # of a budget, of those that have an amount of their own; the form has all
TAKEN = "There is another budget of this name."
GONE = "This budget is not there any more: send the form again to add it."


@dataclass(frozen=True)
class BudgetLine:
    """Budget as the list shows it; `gap` says why it covers nothing, if it does."""

    name: str
    of: str
    amount: str
    currency: str
    first_month: str
    last_month: str
    months: Sequence[str]
    gap: str


@dataclass(frozen=True)
class BalanceLine:
    """Prepaid balance as the list shows it; `key` names it in a form."""

    provider: str
    amount: str
    currency: str
    as_of: date
    counts: bool
    key: str


@dataclass(frozen=True)
class Forms:
    """Forms that are open, and why what was sent was not done."""

    budget: PartForm | None = None
    balance: PartForm | None = None
    refusal: str = ""


def show_budgets(console: Console, org: str) -> Response:
    """200 with budgets and balances, and with the form of what the address says is changed or added."""
    visited = visit(console, org)
    budgets, balances = console.costs.plans.budgets.newest(org), console.costs.plans.balances.newest(org)
    return _page(console, visited, budgets, balances, _opened(console, visited, budgets))


def save_budget(console: Console, org: str) -> Response:
    """303 to the budgets after one was added, changed or removed; else the form with what is wrong."""
    visited = visit(console, org)
    form = read_form(console, visited.session)
    visited.actor.require_admin()
    stored = console.costs.plans.budgets.newest(org)
    sent = PartForm(read_texts(form, BUDGET), form.get("was", ""))
    is_removed = form.get("act") == "remove"
    budget, mistakes = (None, {}) if is_removed else budget_of(sent.texts)
    others = [each for each in stored.plain if each.name != sent.was]
    if budget and any(each.name == budget.name for each in others):
        mistakes = {"name": TAKEN}
    if not mistakes:
        try:
            wanted = _changed(stored.plain, sent.was, budget)
            check_budgets(console.costs, wanted)
            put_budgets_requested(console.costs, visited.actor, wanted, ETags([form.get("etag", "")]))
            return _done(
                console, org, f"The budget {budget.name if budget else sent.was} is {_word(budget, sent.was)}."
            )
        except Problem as problem:
            opened = Forms(budget=sent, refusal=_detail(problem))
            return _refused(console, visited, opened, problem.status)
    return _refused(console, visited, Forms(budget=replace(sent, mistakes=mistakes)), 400)


def save_balance(console: Console, org: str) -> Response:
    """303 to the balances after one was added or removed; else the form with what is wrong."""
    visited = visit(console, org)
    form = read_form(console, visited.session)
    visited.actor.require_admin()
    stored = console.costs.plans.balances.newest(org)
    removed = form.get("remove", "")
    sent = PartForm(read_texts(form, BALANCE))
    balance, mistakes = (None, {}) if removed else balance_of(sent.texts)
    if mistakes:
        return _refused(console, visited, Forms(balance=replace(sent, mistakes=mistakes)), 400)
    wanted = [each for each in stored.balances if _key(each) not in (removed, _key(balance) if balance else "")]
    try:
        new = (*wanted, *([balance] if balance else []))
        check_balances(console.costs, new)
        _check_count(new, MOST_BALANCES, "balances")
        put_balances_requested(console.costs, visited.actor, new, ETags([form.get("etag", "")]))
    except Problem as problem:
        return _refused(console, visited, Forms(balance=sent, refusal=_detail(problem)), problem.status)
    return _done(console, org, f"The balance is {'removed' if removed else 'saved'}.")


def _opened(console: Console, visited: Visit, budgets: StoredBudgets) -> Forms:
    if not visited.may_administer:
        return Forms()
    changed = next((each for each in budgets.plain if each.name == request.args.get("change")), None)
    today = console.clock().date()
    balance = empty_form(BALANCE, currency="USD", as_of=today.isoformat())
    if changed:
        return Forms(form_of(changed), balance)
    new = empty_form(BUDGET, currency="USD", first_month=f"{today:%Y-%m}")
    return Forms(new if "add" in request.args or not budgets.budgets else None, balance)


def _changed(budgets: Sequence[Budget], was: str, budget: Budget | None) -> tuple[Budget, ...]:
    """Budgets with this one in the place of the one that is changed, or at the end; `None` removes that one."""
    new = (budget,) if budget else ()
    places = [each.name for each in budgets]
    at = places.index(was) if was in places else len(budgets)
    found = (*budgets[:at], *new, *budgets[at + 1 :])
    _check_count(found, MOST_BUDGETS, "budgets")
    return found


def _check_count(of: Sequence[object], most: int, what: str) -> None:
    if len(of) > most:
        raise Problem(400, f"There may be up to {most} {what}.", code=Code.FIELD_INVALID, field=what)


def _word(budget: Budget | None, was: str) -> str:
    return "removed" if budget is None else "changed" if was else "added"


def _detail(problem: Problem) -> str:
    if problem.status >= 500:
        raise problem
    is_stale = problem.code in (Code.BUDGETS_CHANGED, Code.BALANCES_CHANGED)
    return (
        f"{problem.detail} What you sent is still here: look at the list, and send it again."
        if is_stale
        else problem.detail
    )


def _done(console: Console, org: str, words: str) -> Response:
    return go(f"/console/{org}/settings/budgets", flash_text(console.signer, "good", words))


def _refused(console: Console, visited: Visit, opened: Forms, status: int) -> Response:
    """Page as it is now, with the form that was not taken."""
    plans = console.costs.plans
    budgets, balances = plans.budgets.newest(visited.org), plans.balances.newest(visited.org)
    if opened.budget and opened.budget.was and opened.budget.was not in [each.name for each in budgets.plain]:
        opened = replace(opened, budget=replace(opened.budget, was=""), refusal=GONE)
    return _page(console, visited, budgets, balances, opened, status)


def _page(
    console: Console,
    visited: Visit,
    budgets: StoredBudgets,
    balances: StoredBalances,
    opened: Forms,
    status: int = 200,
) -> Response:
    names = {each.id: each.name for each in console.integrations.providers}
    counted = set(counting(balances.balances, console.clock().date()))
    plans = Plans.of(budgets.budgets, _labels_of(console, visited.org, budgets))
    newest = sorted(balances.balances, key=lambda each: (each.as_of, _key(each)), reverse=True)
    return page(
        console,
        visited,
        "settings_budgets.html",
        status=status,
        budgets=[_budget_line(each, names, plans.gap(each)) for each in budgets.budgets],
        budgets_etag=budgets.etag,
        balances=[_balance_line(each, names, counts=each in counted) for each in newest[:MOST_SHOWN]],
        older=len(newest[MOST_SHOWN:]),
        balances_etag=balances.etag,
        opened=opened,
        providers=sorted(names.items()),
        scopes=[
            ("", "All costs"),
            *((f"{PROVIDER}{id_}", name) for id_, name in sorted(names.items())),
            (LABEL, "A label"),
        ],
    )


def _labels_of(console: Console, org: str, budgets: StoredBudgets) -> Sequence[Label]:
    """Labels of the org, if a budget is of one."""
    if not any(each.of.label for each in budgets.budgets):
        return ()
    return console.costs.labels.current(org).labels


def _budget_line(budget: Budget, names: dict[str, str], gap: Reason | None) -> BudgetLine:
    months = [f"{each.month}: {amount(each.amount)}" for each in budget.months[:MONTHS_SHOWN]]
    if more := len(budget.months[MONTHS_SHOWN:]):
        months.append(f"and {more} more {'month' if more == 1 else 'months'}")
    of = scope_words(budget.of, names)
    first, last = budget.first_month, budget.last_month or ""
    why = f"Covers nothing: {WHY[gap]}." if gap else ""
    return BudgetLine(budget.name, of, amount(budget.amount), budget.currency, first, last, months, why)


def _balance_line(balance: Balance, names: dict[str, str], *, counts: bool) -> BalanceLine:
    provider = names.get(balance.provider, balance.provider)
    return BalanceLine(provider, amount(balance.amount), balance.currency, balance.as_of, counts, _key(balance))


def _key(balance: Balance) -> str:
    return f"{balance.provider} {balance.currency} {balance.as_of}"
