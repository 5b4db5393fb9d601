"""The key file of a customer's Google service account, less everything that we do not need of it."""

import json
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from cloudact.error_codes import Code
from cloudact.errors import Stop
from cloudact.json_types import is_text
from cloudact.orgs.org import Auth
from cloudact.orgs.vault import WHAT_TO_DO
from providers.gcp.names import PROJECT

LARGEST_KEY_CHARACTERS = 3600  # RSA with 4096 bits; Google's have 2048, and proving a larger one costs minutes


class ServiceAccountKey(BaseModel):
    """A Google service account's key file, less everything that could send us elsewhere (addresses, universe)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: Literal["service_account"]
    project_id: str = Field(pattern=f"^(?:{PROJECT.pattern})$", max_length=100)
    private_key_id: str = Field(default="", max_length=200)
    private_key: SecretStr = Field(max_length=LARGEST_KEY_CHARACTERS)
    client_email: str = Field(max_length=320)

    @property
    def auth(self) -> Auth:
        """The kind of credential."""
        return Auth.KEY

    @property
    def secret(self) -> str:
        """The text that recognises the credential: the private key."""
        return self.private_key.get_secret_value()

    def reveal(self) -> dict[str, str]:
        """The key with its private part, for the client library only."""
        return {
            **self.model_dump(exclude={"private_key"}),
            "private_key": self.private_key.get_secret_value(),
        }

    def as_json(self) -> str:
        """The JSON that is encrypted and stored: the key, and nothing that we do not use."""
        return json.dumps(self.reveal())


def parse_service_account(plaintext: bytes) -> ServiceAccountKey:
    """The key file's text as a key; its errors say what is wrong without showing any of it."""
    try:
        document = json.loads(plaintext)
        if not is_text(document):
            raise ValueError("half of a surrogate pair")
        return ServiceAccountKey.model_validate(document)
    except ValidationError as err:
        wrong = ", ".join(sorted({str(e["loc"][0]) if e["loc"] else "file" for e in err.errors()}))
        raise Stop(Code.CREDENTIAL_INVALID, f"The service account key is not usable: {wrong}.", WHAT_TO_DO) from None
    except (ValueError, RecursionError):
        raise Stop(Code.CREDENTIAL_INVALID, "The service account key is not JSON.", WHAT_TO_DO) from None
