"""The conformance page says what the interpreter says about the corpus, without the official validator."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from cloudact.errors import ConfigError
from focus.assessment import Assessor, Scores, Support, load_criteria, load_judgements
from focus.check import Report
from focus.counts import Count
from focus.model import Model, pins
from focus.page import PAGE
from focus.verdicts import Finding, Verdict
from tests.focus.conftest import Assessed

FORBIDDEN = re.compile(r"\b(conformant|certified|compliant)\b", re.IGNORECASE)


def test_the_page_is_what_was_counted(assessed: Assessed) -> None:
    """docs/focus-conformance.md is, to the letter, what the rules say about today's view over the corpus.

    The bench writes it anew (`-m bench tests/focus/test_official.py`), when the validator agrees.
    """
    assert PAGE.read_text(encoding="utf-8") == assessed.page


def test_the_page_claims_no_certificate() -> None:
    """The page says "validated against the pinned rules", and never a word of the FinOps Foundation's programme."""
    text = PAGE.read_text(encoding="utf-8")
    assert "validated against the pinned FOCUS 1.4 rules" in text
    assert not FORBIDDEN.findall(text)


def test_the_corpus_has_every_charge(assessed: Assessed) -> None:
    """The corpus has each charge category, corrections, amounts below zero, a third party's offer, covered usage."""
    kinds = {(row["x_Provider"], row["ChargeCategory"]) for row in assessed.rows}
    every = {"Usage", "Purchase", "Tax", "Adjustment"}
    assert kinds == {("gcp", kind) for kind in every} | {
        (provider, kind) for provider in ("openai", "anthropic") for kind in ("Usage", "Credit")
    }
    assert {row["x_Provider"] for row in assessed.rows if row["BilledCost"] < 0} == {"gcp", "openai", "anthropic"}
    assert any(row["ChargeClass"] == "Correction" for row in assessed.rows)
    assert any(row["HostProviderName"] is None for row in assessed.rows)
    assert {row["PricingCategory"] for row in assessed.rows} == {"Standard", "Committed", "Dynamic", None}
    assert {row["CommitmentDiscountStatus"] for row in assessed.rows} == {"Used", None}
    assert any(row["SubAccountId"] is None for row in assessed.rows if row["x_Provider"] == "anthropic")


def test_the_two_numbers(assessed: Assessed) -> None:
    """One number counts what the machine checked, the other all 833 rules, and each rule stands in one class."""
    scores = Scores(list(assessed.assessor.assessments.values()))
    assert scores.support.total() == 833
    assert scores.checked.total() == sum(each.checked for each in scores.assessments)
    assert all(each.rule.static and not each.rule.optional for each in scores.assessments if each.checked)
    assert scores.microsoft < 1


def test_a_broken_row_changes_the_page(assessed: Assessed) -> None:
    """A rule that breaks is seen: with one more violation in a count, its verdict and both numbers change."""
    passed = next(
        each for each in assessed.assessor.assessments.values() if each.checked and each.support is Support.MET
    )
    assert passed.finding
    worse = {**assessed.report.findings, passed.rule.id: _failed(assessed.report, passed.rule.id)}
    before, after = assessed.assessor, _assessor(assessed, Report(worse, assessed.report.rows))
    assert after.assessments[passed.rule.id].support is not Support.MET
    scores = [Scores(list(each.assessments.values())) for each in (before, after)]
    assert scores[1].checked[Verdict.PASS] == scores[0].checked[Verdict.PASS] - 1
    assert scores[1].microsoft < scores[0].microsoft


def _failed(report: Report, rule_id: str) -> Finding:
    return replace(report.findings[rule_id], verdict=Verdict.FAIL, count=Count(1, 1, 1))


def _assessor(assessed: Assessed, report: Report) -> Assessor:
    old = assessed.assessor
    return Assessor(old.model, report, old.columns, old.criteria, old.judgements)


def test_every_judgement_is_about_a_rule(assessed: Assessed) -> None:
    """Each judgement is on a rule that no tool checks, or on an entity that has some, but for a fault of the model."""
    judged = {each.rule.id: each for each in assessed.assessor.assessments.values() if not each.checked}
    entities = {f"{each.rule.entity}-*" for each in judged.values()}
    assert set(load_judgements()) - set(judged) - entities == {"CAU-ConsumedQuantity-C-006-C"}
    for each in judged.values():
        assert each.why.endswith("."), each.rule.id


def test_judgements_speak_of_the_view_that_ships(assessed: Assessed) -> None:
    """Nothing is called missing that is there, and what is called NULL is, in every row; the other way round too."""
    columns = set(assessed.rows[0])
    told = [each for each in assessed.assessor.assessments.values() if each.rule.entity in columns]
    assert not [each.why for each in assessed.assessor.assessments.values() if "lacks" in each.why]
    said_null = {each.rule.entity for each in told if each.why.startswith("It is always NULL")}
    judged = {each.rule.entity for each in told if not each.checked and not each.rule.references}
    null = {name for name in columns if all(row[name] is None for row in assessed.rows)}
    assert said_null == {name for name in null & judged if not name.startswith(("Allocated", "BillingAccountName"))}


def test_a_rule_without_judgement_is_refused(assessed: Assessed) -> None:
    """A rule that no tool checks and nobody has judged is named, not passed over."""
    old = assessed.assessor
    with pytest.raises(ConfigError, match=r"judgements\.yml says nothing about"):
        Assessor(old.model, old.report, old.columns, old.criteria, {}).assessments  # noqa: B018


def test_every_criterion_has_a_reason(model: Model) -> None:
    """Each criterion of the model is answered, with a sentence why."""
    criteria = load_criteria(model)
    assert list(criteria) == list(model.criteria)
    assert all(each.why.endswith(".") for each in criteria.values())


def test_pins_are_on_the_page(model: Model) -> None:
    """The page names the model by its checksum, who made it, its licence, what was changed, and the validator."""
    text, about = PAGE.read_text(encoding="utf-8"), pins()
    assert model.sha256 in text
    assert about["validator"] in text
    for told in ("creator", "licence", "licence_url", "source", "changed"):
        assert about["model"][told] in text


def test_passes_about_no_row_stand_beside_the_numbers(assessed: Assessed) -> None:
    """How many of the passed rules are about no row is told in the line of the number that counts them."""
    scores = Scores(list(assessed.assessor.assessments.values()))
    told = f"{scores.vacuous} of the {scores.checked[Verdict.PASS]} pass about no row"
    line = next(line for line in assessed.page.splitlines() if line.startswith("| Checked by the machine |"))
    assert told in line
    counts = [each.count for each in assessed.report.findings.values() if each.verdict is Verdict.PASS and each.count]
    assert scores.vacuous == sum(not count.examined for count in counts) > 0
