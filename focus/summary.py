"""What `python -m focus check` writes: the two numbers and what fails, as text, or every rule as JSON."""

import json
from collections.abc import Iterator

from focus.assessment import Assessment, Assessor, Scores, Support, rate
from focus.verdicts import Verdict


def musts_fail(assessor: Assessor) -> bool:
    """Whether a MUST or MUST NOT that the machine checks fails."""
    return Scores(list(assessor.assessments.values())).checked_musts[Verdict.FAIL] > 0


def as_text(assessor: Assessor, org: str, month: str) -> str:
    """Summary for people."""
    return "".join(f"{line}\n" for line in _lines(assessor, org, month))


def as_json(assessor: Assessor, org: str, month: str) -> str:
    """JSON object with the two numbers and every rule."""
    told = list(assessor.assessments.values())
    scores = Scores(told)
    body = {
        "focus_version": assessor.model.version,
        "model_sha256": assessor.model.sha256,
        "org_slug": org,
        "month": month,
        "rows": assessor.report.rows,
        "checked_rate": round(rate(scores.checked), 6),
        "checked_must_rate": round(rate(scores.checked_musts), 6),
        "passed_about_no_row": scores.vacuous,
        "microsoft_rate": round(scores.microsoft, 6),
        "rules": [_rule(each) for each in told],
    }
    return json.dumps(body, indent=2) + "\n"


def _lines(assessor: Assessor, org: str, month: str) -> Iterator[str]:
    told = list(assessor.assessments.values())
    scores = Scores(told)
    checked, musts = scores.checked, scores.checked_musts
    version = assessor.model.version
    yield f"focus_costs of {org}, {month}, {assessor.report.rows} rows, against the pinned FOCUS {version} rules"
    yield (
        f"checked by the machine: {rate(checked):.1%} ({checked[Verdict.PASS]} of {checked.total()} static rules that "
        f"apply; of MUST and MUST NOT {musts[Verdict.PASS]} of {musts.total()}, {rate(musts):.1%})"
    )
    yield (
        f"by Microsoft's formula: {scores.microsoft:.1%} of all {len(told)} rules, with those judged by hand "
        f"({scores.support[Support.MET]} met, {scores.support[Support.PARTLY]} in part, "
        f"{scores.support[Support.NOT_MET]} not met)"
    )
    yield from _listed("fails", [each for each in told if _is(each, Verdict.FAIL)])
    yield from _listed(
        "passes, but rows break the sentence", [each for each in told if each.finding and each.finding.weak]
    )
    yield f"{scores.vacuous} of those that pass are about no row, as the validator reads them"


def _is(each: Assessment, verdict: Verdict) -> bool:
    return each.finding is not None and each.finding.verdict is verdict


def _listed(title: str, found: list[Assessment]) -> Iterator[str]:
    if found:
        yield f"{title}: {len(found)}"
        yield from (f"  {each.rule.id}  {each.rule.sentence}  {each.why}" for each in found)


def _rule(each: Assessment) -> dict[str, object]:
    finding, count = each.finding, each.finding.count if each.finding else None
    return {
        "id": each.rule.id,
        "keyword": each.rule.keyword,
        "sentence": each.rule.sentence,
        "verdict": str(finding.verdict) if finding else str(Verdict.NOT_CHECKABLE),
        "official": str(finding.official) if finding else None,
        "support": str(each.support),
        "why": each.why,
        "violations": count.violations if count else None,
        "examined": count.examined if count else None,
        "violations_as_written": count.as_written if count else None,
        "missing_columns": list(count.missing) if count else [],
    }
