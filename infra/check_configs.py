"""`python -m infra.check_configs`: reads every shipped config the way the service does, and prints what is wrong."""

import sys
from collections.abc import Sequence
from pathlib import Path

from cloudact.errors import ConfigError
from cloudact.pipelines.registry import load_registry
from cloudact.settings import ROOT
from functions.orgs.plans import load_plans
from providers import PROVIDERS
from providers.provider import Provider


def main(providers: Sequence[Provider] = PROVIDERS, configs: Path = ROOT / "configs") -> int:
    """Exit code: 0 if all configs can be used, else 1 after printing what is wrong."""
    try:
        registry, plans = load_registry(configs, providers), load_plans(configs)
    except ConfigError as err:
        sys.stderr.write(f"{err}\n")
        return 1
    enabled = [entry.id for entry in registry.entries if entry.enabled]
    sys.stdout.write(f"configs: {len(registry.entries)} pipelines, enabled: {', '.join(enabled)}\n")
    sys.stdout.write(f"plans: {', '.join(f'{plan.id} {plan.daily_limit}/day' for plan in plans.plans)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
