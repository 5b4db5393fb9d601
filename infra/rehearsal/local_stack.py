"""The running local cloud, where a rehearsal is told of one: what is deployed then answers, and tokens open it.

Services that are called like a function of the stack have its address, and identity tokens are signed by its issuer.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import requests

FUNCTIONS = ("api", "ops")


@dataclass(frozen=True)
class LocalStack:
    """`urls` are of the functions by their names; `issuer_url` is of the local cloud that signs tokens."""

    urls: dict[str, str]
    issuer_url: str

    @classmethod
    def from_file(cls, file: Path) -> Self:
        """As `stack.json` tells."""
        stack = json.loads(file.read_text(encoding="utf-8"))
        return cls({name: stack[f"{name}_url"] for name in FUNCTIONS}, stack["run_url"])

    def identity_token(self, email: str, audience: str) -> str:
        """What Google would sign for the service account."""
        body = {"service_account": email, "audience": audience}
        answer = requests.post(f"{self.issuer_url}/local/oidc_token", json=body, timeout=10)
        answer.raise_for_status()
        return str(answer.json()["token"])
