"""The requirements model: the pinned file and nothing else, and which rules a dataset has."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from cloudact.errors import ConfigError
from cloudact.settings import ROOT
from focus.checks import CURRENCIES, currencies
from focus.model import CURRENT, VERSIONS, Model, Rule, load_model, pins


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The versions that ship, in a copy."""
    return Path(shutil.copytree(VERSIONS, tmp_path / "versions"))


def test_the_rules_of_costs_and_usage(model: Model) -> None:
    """FOCUS 1.4 has 833 active rules about costs, usage and attributes, 491 of them checkable; a run is about 730."""
    assert (len(model.assessed), sum(rule.static for rule in model.assessed)) == (833, 491)
    assert len(model.of_dataset()) == 730


def test_a_rule_comes_after_what_it_depends_on(model: Model) -> None:
    """The order of rules has each after its dependencies and after the rules that it is made of."""
    known = set[str]()
    for rule in (rules := model.of_dataset()).values():
        assert set(rules) & {*rule.dependencies, *rule.references} <= known
        known.add(rule.id)


def test_another_file_is_refused(folder: Path) -> None:
    """A model that differs from its checksum by a byte is not read."""
    path = folder / CURRENT / "model.json"
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(ConfigError, match="SHA-256"):
        load_model(folder=folder)


def test_a_version_is_a_folder(folder: Path) -> None:
    """A version that has a folder is read, one that has none is refused by naming those there are."""
    with pytest.raises(ConfigError, match=r"no model of FOCUS 9\.9: there is 1\.4"):
        load_model("9.9", folder)
    (folder / CURRENT).rename(folder / "9.9")
    with pytest.raises(ConfigError, match=r"folder 9\.9 is that of FOCUS 1\.4"):
        load_model("9.9", folder)


def test_a_circle_is_named(model: Model) -> None:
    """Rules that depend on one another, as the release has two, are refused with the circle."""
    quantity, category = "CAU-CommitmentDiscountQuantity-C-000-C", "CAU-ChargeCategory-C-000-M"
    broken = {
        **model.rules,
        category: _depending(model, category, quantity),
        quantity: _depending(model, quantity, category),
    }
    with pytest.raises(ConfigError, match=quantity):
        Model(model.version, model.sha256, broken, model.roots, {}, {}).of_dataset()


def _depending(model: Model, rule_id: str, on: str) -> Rule:
    return replace(model.rules[rule_id], dependencies=(*model.rules[rule_id].dependencies, on))


def test_creator_licence_and_change_are_told() -> None:
    """Beside the model, and in the pins, stand who made it, its licence with the link, and what was changed in it."""
    about = pins()["model"]
    notice = " ".join((VERSIONS / CURRENT / "NOTICE.txt").read_text(encoding="utf-8").split())
    assert about["licence"] == "CC-BY-4.0"
    for told in ("creator", "source", "licence", "licence_url", "changed"):
        assert about[told] in notice


def test_other_currencies_are_refused(tmp_path: Path) -> None:
    """The list of currencies is pinned too: one with another code is not read."""
    other = tmp_path / "currencies.txt"
    other.write_text(CURRENCIES.read_text(encoding="utf-8") + "QQQ\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="SHA-256"):
        currencies(other)
    assert {"EUR", "USD"} < set(currencies())


def test_every_package_of_the_validator_has_hashes() -> None:
    """The validator's environment is pinned whole: each package by its version and at least one hash."""
    text = (ROOT / "tests" / "focus" / "validator.txt").read_text(encoding="utf-8")
    packages = re.split(r"^(?=[a-z])", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE), flags=re.MULTILINE)[1:]
    assert len(packages) > 30
    for each in packages:
        assert re.match(r"[a-z0-9-]+==[^ ]+ \\\n( +--hash=sha256:[0-9a-f]{64}( \\)?\n)+$", each), each
    assert pins()["validator"] in text
