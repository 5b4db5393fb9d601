"""The page docs/focus-conformance.md: what is said of each rule, as Markdown."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from cloudact.settings import ROOT
from focus.assessment import Assessment, Criterion, Scores, Support, rate
from focus.model import Model, pins
from focus.verdicts import Finding, Verdict

PAGE = ROOT / "docs" / "focus-conformance.md"
_HEAD = Path(__file__).resolve().parent / "page_head.txt"
_COLUMNS = "| rule | | verdict | how far | why |\n|---|---|---|---|---|\n"


def page(model: Model, criteria: Mapping[str, Criterion], assessments: Sequence[Assessment], rows: int) -> str:
    """Page as Markdown."""
    return _head(model, assessments, rows) + "".join([*_criteria(criteria), "\n## Rules\n", *_rules(assessments)])


def _head(model: Model, assessments: Sequence[Assessment], rows: int) -> str:
    about, scores = pins(model.version), Scores(assessments)
    return _HEAD.read_text(encoding="utf-8").format(
        **about["model"],
        version=model.version,
        validator=about["validator"],
        rows=rows,
        assessed=len(assessments),
        checked=rate(scores.checked),
        passed=scores.checked[Verdict.PASS],
        applicable=scores.checked.total(),
        vacuous=scores.vacuous,
        must=rate(scores.checked_musts),
        must_passed=scores.checked_musts[Verdict.PASS],
        must_applicable=scores.checked_musts.total(),
        microsoft=scores.microsoft,
        met=scores.support[Support.MET],
        partly=scores.support[Support.PARTLY],
        not_met=scores.support[Support.NOT_MET],
        not_applicable=scores.support[Support.NOT_APPLICABLE],
    )


def _criteria(criteria: Mapping[str, Criterion]) -> Iterator[str]:
    for name, each in criteria.items():
        yield f"| `{name}` | {'yes' if each.met else 'no'} | {each.why} |\n"


def _rules(assessments: Iterable[Assessment]) -> Iterator[str]:
    ordered = sorted(assessments, key=lambda each: (each.rule.entity_type, each.rule.entity, each.rule.id))
    for (kind, entity), group in groupby(ordered, key=lambda each: (each.rule.entity_type, each.rule.entity)):
        yield f"\n### {entity} ({kind.lower()})\n\n{_COLUMNS}"
        yield from (_row(each) for each in group)


def _row(each: Assessment) -> str:
    verdict = each.finding.verdict if each.finding else Verdict.NOT_CHECKABLE
    support = "" if str(each.support) == str(verdict) else str(each.support)
    sentence = each.rule.sentence.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
    return f"| `{each.rule.id}` | {sentence} | {verdict}{_departure(each.finding)} | {support} | {each.why} |\n"


def _departure(finding: Finding | None) -> str:
    """What the validator says where that is another thing; rules that it skips it does not tell apart."""
    skipped = (Verdict.NOT_APPLICABLE, Verdict.NOT_CHECKABLE)
    if not finding or finding.official is finding.verdict or {finding.official, finding.verdict} <= {*skipped}:
        return ""
    return f" (validator: {finding.official})"
