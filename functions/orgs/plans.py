"""Plans of orgs, from `configs/system/plans.yml` and nothing else."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from cloudact.errors import CloudActError
from cloudact.pipelines.yaml_files import Strict, read_model


class UnknownPlan(CloudActError):
    """Raised for an id that no plan has; the text names those that exist."""


class Plan(Strict):
    """Plan of an org. `daily_limit` is in runs per UTC day; refusing one may take two calls of Cloud Tasks for each."""

    id: str = Field(pattern=r"^[A-Z][A-Z0-9_]{0,29}$")
    name: str = Field(min_length=1, max_length=100)
    daily_limit: int = Field(ge=1, le=10_000)


class Plans(Strict):
    """All plans, in the order of the file."""

    default: str
    plans: tuple[Plan, ...]

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        ids = [plan.id for plan in self.plans]
        twice = sorted({plan_id for plan_id in ids if ids.count(plan_id) > 1})
        if twice:
            raise ValueError(f"id {', '.join(twice)} stands twice")
        if self.default not in ids:
            raise ValueError(f"default {self.default!r} is not one of {', '.join(ids)}")
        return self

    def get(self, plan_id: str) -> Plan:
        """Plan with exactly this id; raises `UnknownPlan`."""
        for plan in self.plans:
            if plan.id == plan_id:
                return plan
        raise UnknownPlan(f"plan must be one of {', '.join(plan.id for plan in self.plans)}.")


def load_plans(configs_dir: Path) -> Plans:
    """Reads and checks the file; raises `ConfigError`."""
    return read_model(configs_dir / "system" / "plans.yml", Plans)
