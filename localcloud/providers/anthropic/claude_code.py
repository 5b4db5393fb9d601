"""Claude Code activity of a day: one record for each person and for each key, with estimated costs."""

import random
from datetime import date
from decimal import Decimal
from typing import Any

from localcloud.providers.anthropic.catalogue import MODELS
from localcloud.providers.anthropic.usage import organization
from localcloud.providers.facts import token

TERMINALS = ("vscode", "iTerm.app", "tmux", "non-interactive")


def claude_code_records(seed: int, day: date, rows: int, factor: Decimal = Decimal(1)) -> list[dict[str, Any]]:
    """The records as they are answered; estimated costs are numbers in cents. A quarter of `rows`."""
    rng = random.Random(f"{seed}/{day}/claude_code")
    count = 0 if factor == 0 else -(-rows // 4)
    return [_record(rng, seed, day, number, factor) for number in range(count)]


def _record(rng: random.Random, seed: int, day: date, number: int, factor: Decimal) -> dict[str, Any]:
    machine = number % 5 == 1
    subscription = None if machine or number % 3 else rng.choice(["team", "enterprise"])
    return {
        "date": f"{day}T00:00:00Z",
        "actor": _machine(number) if machine else _person(seed, number),
        "organization_id": organization(seed),
        "customer_type": "subscription" if subscription else "api",
        "subscription_type": subscription,
        "terminal_type": "non-interactive" if machine else rng.choice(TERMINALS),
        "core_metrics": {
            "num_sessions": rng.randint(1, 9),
            "lines_of_code": {"added": rng.randint(0, 3000), "removed": rng.randint(0, 1500)},
            "commits_by_claude_code": rng.randint(0, 12),
            "pull_requests_by_claude_code": rng.randint(0, 3),
        },
        "tool_actions": {} if machine else _tools(rng),
        "model_breakdown": [_usage(rng, model, factor) for model in MODELS if rng.random() < 0.6],
    }


def _person(seed: int, number: int) -> dict[str, str]:
    return {"type": "user_actor", "email_address": f"dev.{token(seed, number, length=8)}@example.com"}


def _machine(number: int) -> dict[str, str]:
    return {"type": "api_actor", "api_key_name": f"ci-bot-{number}"}


def _tools(rng: random.Random) -> dict[str, dict[str, int]]:
    tools = ("edit_tool", "multi_edit_tool", "write_tool", "notebook_edit_tool")
    return {tool: {"accepted": rng.randint(0, 60), "rejected": rng.randint(0, 9)} for tool in tools}


def _usage(rng: random.Random, model: str, factor: Decimal) -> dict[str, Any]:
    kinds = ("input", "output", "cache_read", "cache_creation")
    tokens = {kind: int(rng.randint(0, 120_000) * factor) for kind in kinds}
    price = MODELS[model]
    cents = (tokens["input"] * price.input + tokens["output"] * price.output) / 1_000_000
    return {"model": model, "tokens": tokens, "estimated_cost": {"currency": "USD", "amount": cents}}
