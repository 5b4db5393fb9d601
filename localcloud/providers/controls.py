"""The local endpoints, which are not the vendors'; the same on both ports, JSON in and out.

POST   /local/keys      `{key, kind: "openai"|"anthropic", seed, scopes?, rows?, page_results?, amounts?, revoked?,
                        per_minute?, without_amount?, names?, company?: {company, since}}`
                        registers a key or changes a known one (`keys.RegisteredKey`)
GET    /local/keys      the registered keys, without their text
DELETE /local/keys      forgets all, restatements too
POST   /local/restate   `{key, date, factor}`: the day's numbers times factor from now on (`keys.Restatement`)
POST   /local/faults    puts a fault in force (`faults.Fault`); GET lists them, DELETE drops them
GET    /local/requests  the latest requests and the counts of all; DELETE starts again
"""

from collections.abc import Callable
from typing import Any

from localcloud.providers.faults import Fault, Faults
from localcloud.providers.keys import Keys, RegisteredKey, Restatement
from localcloud.providers.request_log import RequestLog

Control = Callable[[bytes], Any]


def controls(keys: Keys, faults: Faults, log: RequestLog) -> dict[tuple[str, str], Control]:
    """By verb and path. They raise ValueError for a malformed body."""
    return {
        ("POST", "/local/keys"): lambda body: keys.register(RegisteredKey.model_validate_json(body)),
        ("GET", "/local/keys"): lambda _: [key.model_dump(mode="json", exclude={"key"}) for key in keys.known()],
        ("DELETE", "/local/keys"): lambda _: keys.forget(),
        ("POST", "/local/restate"): lambda body: keys.restate(Restatement.model_validate_json(body)),
        ("GET", "/local/faults"): lambda _: faults.in_force(),
        ("POST", "/local/faults"): lambda body: faults.add(Fault.model_validate_json(body)),
        ("DELETE", "/local/faults"): lambda _: faults.clear(),
        ("GET", "/local/requests"): lambda _: log.summary(),
        ("DELETE", "/local/requests"): lambda _: log.reset(),
    }
