"""Plans: the file that ships, and what a wrong one is told."""

from pathlib import Path

import pytest

from cloudact.errors import ConfigError
from cloudact.settings import ROOT
from functions.orgs.plans import UnknownPlan, load_plans


def written(folder: Path, text: str) -> Path:
    (folder / "system").mkdir()
    (folder / "system" / "plans.yml").write_text(text, encoding="utf-8")
    return folder


def test_the_plans_that_ship() -> None:
    """Starter is the default and allows 6 runs a day, Professional 25, Scale 100."""
    plans = load_plans(ROOT / "configs")
    assert {plan.id: plan.daily_limit for plan in plans.plans} == {"STARTER": 6, "PROFESSIONAL": 25, "SCALE": 100}
    assert plans.default == "STARTER"


@pytest.mark.parametrize("name", ["GOLD", "starter", "", "STARTER "])
def test_an_unknown_plan(name: str) -> None:
    """Only exact ids are plans; the error names them all."""
    with pytest.raises(UnknownPlan, match="plan must be one of STARTER, PROFESSIONAL, SCALE"):
        load_plans(ROOT / "configs").get(name)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("default: A\nplans: [{id: A, name: A, daily_limit: 0}]", r"plans\[0\].daily_limit: .*greater than or equal"),
        ("default: A\nplans: [{id: A, name: A, daily_limit: 1, price: 2}]", "unknown key; allowed are id, name"),
        ("default: B\nplans: [{id: A, name: A, daily_limit: 1}]", "default 'B' is not one of A"),
        (
            "default: A\nplans: [{id: A, name: A, daily_limit: 1}, {id: A, name: B, daily_limit: 2}]",
            "id A stands twice",
        ),
        ("plans: [{id: a, name: A, daily_limit: 1}]", "default: is missing"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, told: str) -> None:
    """Each mistake is told with its key and what is allowed."""
    with pytest.raises(ConfigError, match=told):
        load_plans(written(tmp_path, text))
