"""How verdicts combine: composite rules, what is skipped with what, and which rules apply."""

from __future__ import annotations

from collections.abc import Mapping

from focus.counts import Count
from focus.model import NO_CHECK, REFERENCE, Check, Rule
from focus.verdicts import Cause, Facts, Finding, Verdict, findings

VALUE = Check("CheckValue", {"ColumnName": "A", "Value": "a"})


def rule(
    name: str,
    check: Check = VALUE,
    *,
    function: str = "Validation",
    keyword: str = "MUST",
    after: tuple[str, ...] = (),
    criteria: tuple[str, ...] = (),
) -> Rule:
    """A rule of a column."""
    return Rule(
        name, function, "A", "Column", "CostAndUsage", True, check is not NO_CHECK, keyword, "It MUST.", check, None,
        after, criteria,
    )  # fmt: skip


def composite(name: str, *parts: str, word: str = "AND", criteria: tuple[str, ...] = ()) -> Rule:
    """A rule that is made of others."""
    check = Check(word, {}, tuple(Check(REFERENCE, {"ModelRuleId": part}) for part in parts))
    return rule(name, check, function="Composite", after=parts, criteria=criteria)


def judged(*rules: Rule, broken: Mapping[str, int] | None = None, criteria: tuple[str, ...] = ()) -> dict[str, Finding]:
    """Findings over ten rows, of which so many break a rule."""
    counts = {each.id: Count((broken or {}).get(each.id, 0), 10, (broken or {}).get(each.id, 0)) for each in rules}
    return findings(Facts({each.id: each for each in rules}, criteria, counts, total=10))


def verdicts(found: Mapping[str, Finding]) -> dict[str, Verdict]:
    """Verdict of each rule."""
    return {rule_id: each.verdict for rule_id, each in found.items()}


def test_a_composite_fails_with_a_part() -> None:
    """A rule made of others passes if all of them do, and what cannot be checked among them does not count."""
    parts = (rule("a"), rule("b"), rule("c", NO_CHECK))
    assert verdicts(judged(*parts, composite("all", "a", "b", "c")))["all"] is Verdict.PASS
    assert verdicts(judged(*parts, composite("all", "a", "b", "c"), broken={"b": 1}))["all"] is Verdict.FAIL


def test_alternatives_count_by_the_column() -> None:
    """The validator passes alternatives that any row meets, so rows that meet none are told beside the verdict."""
    either = rule("either", Check("OR", {}, (VALUE, VALUE)))
    some, every = judged(either, broken={"either": 4})["either"], judged(either, broken={"either": 10})["either"]
    assert (some.verdict, some.weak) == (Verdict.PASS, True)
    assert (every.verdict, every.weak) == (Verdict.FAIL, False)


def test_what_permits_is_skipped() -> None:
    """A MAY demands nothing, and what depends on it is skipped with it."""
    found = judged(rule("may", keyword="MAY"), rule("after", after=("may",)))
    assert {name: each.cause for name, each in found.items()} == {"may": Cause.OPTIONAL, "after": Cause.SKIPPED}


def test_all_criteria_have_to_be_met() -> None:
    """A rule with two criteria applies if both are met; to the validator one is enough, and the finding has both."""
    two = rule("two", criteria=("REGIONS", "ZONES"))
    assert judged(two, criteria=("REGIONS",))["two"].verdict is Verdict.NOT_APPLICABLE
    assert judged(two, criteria=("REGIONS",))["two"].official is Verdict.PASS
    assert judged(two, criteria=("REGIONS", "ZONES"))["two"].verdict is Verdict.PASS


def test_a_part_has_the_criterion_of_the_whole() -> None:
    """A rule of a column that need not be there does not apply, though the validator counts it; nor does its whole."""
    found = judged(rule("part"), composite("whole", "part", criteria=("ZONES",)), broken={"part": 10})
    assert verdicts(found) == dict.fromkeys(("part", "whole"), Verdict.NOT_APPLICABLE)
    assert (found["part"].official, found["part"].cause) == (Verdict.FAIL, Cause.WITHIN_CRITERION)


def test_a_whole_outlives_a_part_that_does_not_apply() -> None:
    """A composite rule is not beside the point because one part is; the validator skips it all the same."""
    found = judged(rule("a"), rule("zone", criteria=("ZONES",)), composite("all", "a", "zone"))
    assert (found["all"].verdict, found["all"].cause) == (Verdict.NOT_CHECKABLE, Cause.SKIPPED)
    assert found["all"].official is Verdict.NOT_APPLICABLE


def test_an_unknown_function_never_passes() -> None:
    """A rule whose check is not understood is not checkable, whatever its count would be."""
    rules = {"new": rule("new", Check("CheckSomethingNew", {}))}
    (found,) = findings(Facts(rules, (), {}, total=10, unknown={"new"})).values()
    assert (found.verdict, found.cause) == (Verdict.NOT_CHECKABLE, Cause.UNKNOWN)


def test_a_rule_about_no_row_passes_and_says_so() -> None:
    """A rule whose condition holds for no row passes, and is known to have been about none."""
    found = findings(Facts({"a": rule("a")}, (), {"a": Count(0, 0, 0)}, total=10))["a"]
    assert (found.verdict, found.vacuous) == (Verdict.PASS, True)
