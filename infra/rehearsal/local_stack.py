"""The running local cloud, if a rehearsal has one: what is deployed then answers, and tokens open it.

Services that are called like a function of the stack have its address, and identity tokens are signed by its issuer.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

FUNCTIONS = ("api", "ops")


@dataclass(frozen=True)
class LocalStack:
    """Addresses of a local cloud: `urls` are of its functions by name, `issuer_url` is of the signer of tokens."""

    urls: dict[str, str]
    issuer_url: str

    @classmethod
    def from_file(cls, file: Path) -> Self:
        """Local cloud that `stack.json` describes."""
        stack = json.loads(file.read_text(encoding="utf-8"))
        return cls({name: stack[f"{name}_url"] for name in FUNCTIONS}, stack["run_url"])

    def identity_token(self, email: str, audience: str) -> str:
        """Identity token that Google would sign for the service account."""
        import requests  # most rehearsals have no local cloud, and start for one command

        body = {"service_account": email, "audience": audience}
        answer = requests.post(f"{self.issuer_url}/local/oidc_token", json=body, timeout=10)
        answer.raise_for_status()
        return str(answer.json()["token"])
