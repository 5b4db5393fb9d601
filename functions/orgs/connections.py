"""Connects orgs with providers: a credential is proven before it is encrypted, and encrypted before it is stored.

A set-up stays in force until a new one is stored. Nothing here shows or logs a credential.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cloudact.clock import Clock
from cloudact.error_codes import Code
from cloudact.errors import Retry, Stop
from cloudact.orgs.integrations import Integration, Integrations, OrgIntegration, not_configured
from cloudact.orgs.org import IntegrationStatus, Onboarded
from cloudact.orgs.vault import Vault
from providers.provider import Connector, Proof

log = logging.getLogger(__name__)
# Not the customer's to mend, so nothing is said of their credential.
NOT_THE_CUSTOMERS_FAULT = frozenset({Code.MISCONFIGURED})


@dataclass(frozen=True)
class SetUpRequest:
    """Request for a set-up. `None` keeps the name and the settings of the set-up before."""

    credential: str = field(repr=False)
    credential_name: str | None = None
    settings: Mapping[str, Any] | None = None


class Connections:
    """Sets up, validates and removes integrations.

    Raises `Stop` for what a person must change, `Retry` for what passes; nothing is stored then.
    """

    def __init__(
        self, integrations: Integrations, connectors: Mapping[str, Connector], vault: Callable[[], Vault], clock: Clock
    ) -> None:
        self._integrations = integrations
        self._connectors = connectors
        self._vault = vault
        self._clock = clock

    def all(self, org_slug: str) -> list[Integration]:
        """Integrations with every provider, set up or not."""
        return self._integrations.all(org_slug, self._connectors)

    def onboarded(self, org_slug: str) -> Onboarded:
        """Onboarding of the org; raises `Stop` if it is not onboarded."""
        return self._integrations.onboarded(org_slug)

    def shows(self, written: Integration) -> bool:
        """Whether this row, or a newer one, can be read."""
        return self._integrations.shows(written)

    def set_up(self, org_slug: str, integration: str, requested: SetUpRequest) -> tuple[Integration, bool]:
        """Proves and stores a credential. Returns the VALID integration, and whether none was set up before."""
        before = self._integrations.find(org_slug, integration)
        fields = before.settings if requested.settings is None else requested.settings
        connector = self._connectors[integration]
        settings = connector.read_settings(fields)
        credential = connector.read_credential(requested.credential)
        proof = connector.check(before.onboarded, credential.plaintext, settings)
        new = Integration(
            org_slug=org_slug,
            integration=integration,
            status=IntegrationStatus.VALID,
            credential_name=requested.credential_name or before.credential_name,
            ciphertext=self._vault().encrypt(org_slug, integration, credential.plaintext),
            settings=settings.model_dump(exclude_unset=True),
            fingerprint=credential.fingerprint,
            auth=credential.auth,
            oldest_date=proof.oldest_date,
            warnings=proof.warnings,
            validated_at=self._clock(),
        )
        return self._integrations.change(new), not before.configured

    def validate(self, org_slug: str, integration: str) -> Integration:
        """Asks the provider about the stored credential, and returns the integration, VALID or INVALID."""
        stored = self._integrations.find(org_slug, integration)
        if not stored.configured:
            raise not_configured(integration)
        from providers.http import Refused  # an instance that checks no credential does without

        try:
            proof = self._prove(stored)
        except Stop as err:
            if err.code in NOT_THE_CUSTOMERS_FAULT:
                raise
            if isinstance(err, Refused) and err.refusal.status in (401, 403) and not err.blames_credential:
                raise Retry(err.code, err.message) from err  # nothing is said of the credential
            fields = {"org_slug": org_slug, "integration": integration, "code": err.code}
            log.warning("an integration was found invalid", extra={"fields": fields})
            return self._integrations.judge(stored, err.message)
        judged = replace(stored, oldest_date=proof.oldest_date or stored.oldest_date, warnings=proof.warnings)
        return self._integrations.judge(judged, None)

    def remove(self, org_slug: str, integration: str) -> Integration:
        """Removes the credential, and returns the integration; one that is not set up stays as it is."""
        stored = self._integrations.find(org_slug, integration)
        if stored.status is IntegrationStatus.NOT_CONFIGURED:
            return stored
        return self._integrations.change(Integration(org_slug=org_slug, integration=integration))

    def _prove(self, stored: OrgIntegration) -> Proof:
        connector = self._connectors[stored.integration]
        settings = connector.read_settings(stored.settings)
        plaintext = self._vault().decrypt(stored.org_slug, stored.integration, stored.ciphertext or "")
        return connector.check(stored.onboarded, plaintext, settings)
