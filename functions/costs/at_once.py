"""Costs, anomalies and what budgets look at, asked for at once: a page that shows all of them costs one query."""

from dataclasses import dataclass

from cloudact.anomalies.cost_days import Window
from cloudact.budgets.spending import Spending
from cloudact.warehouse.queries import load_query
from functions.costs.anomaly_answers import QUERY, FoundAnomalies
from functions.costs.answer import CostAnswer
from functions.costs.collaborators import OrgCosts
from functions.costs.plans import SpendingQuestion
from functions.costs.question import Question
from functions.costs.statement import statement_at_once

MOST_ROWS = 120_000  # of an answer's amounts, of cells and of what was spent
NOTHING_SPENT = Spending({}, {})


@dataclass(frozen=True)
class AtOnce:
    """Answers to all of it. `spending` is empty where it was not asked for."""

    answer: CostAnswer
    found: FoundAnomalies
    spending: Spending


def ask_at_once(
    costs: OrgCosts, org_slug: str, question: Question, window: Window, spending: SpendingQuestion | None
) -> AtOnce:
    """Answers, by one query, and by none where all are kept. Raises what `CostAnswers.rows` raises."""
    etags = (costs.answers.etag(org_slug, question), costs.answers.etag(org_slug, window))
    of_spending = costs.answers.etag(org_slug, spending)
    answer, found = costs.answers.kept(etags[0]), costs.anomalies.kept(etags[1])
    spent = costs.plans.spending.kept(of_spending) if spending else NOTHING_SPENT
    if answer is not None and found is not None and spent is not None:
        return AtOnce(answer, found, spent)
    cells = load_query(QUERY), window.values(org_slug)
    asked = spending.statement(org_slug) if spending else None
    rows, _ = costs.answers.rows(org_slug, *statement_at_once(question, cells, asked), most_rows=MOST_ROWS)
    return AtOnce(
        costs.answers.keep(etags[0], question, [row["answer"] for row in rows if row["answer"]]),
        costs.anomalies.keep(etags[1], window, [row["cell"] for row in rows if row["cell"]]),
        costs.plans.spending.keep(of_spending, spending, [row["spent"] for row in rows if row["spent"]])
        if spending
        else NOTHING_SPENT,
    )
