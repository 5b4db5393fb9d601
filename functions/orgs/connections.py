"""Connects orgs with providers: a credential is proven before it is encrypted, and encrypted before it is stored.

Until then the one before it stays in force. Nothing here shows or logs a credential.
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
from providers.http import Refused
from providers.provider import Connector, Proof

log = logging.getLogger(__name__)
NOT_THE_CUSTOMERS_FAULT = frozenset(
    {Code.MISCONFIGURED}
)  # not the customer's to mend, so nothing is said of their credential


@dataclass(frozen=True)
class SetUpRequest:
    """A set-up as it is asked for. `None` keeps the name and the settings of the set-up before."""

    credential: str = field(repr=False)
    credential_name: str | None = None
    settings: Mapping[str, Any] | None = None


class Connections:
    """Raises `Stop` for what a person must change, `Retry` for what passes; nothing is stored then."""

    def __init__(
        self, integrations: Integrations, connectors: Mapping[str, Connector], vault: Callable[[], Vault], clock: Clock
    ) -> None:
        self._integrations = integrations
        self._connectors = connectors
        self._vault = vault
        self._clock = clock

    def all(self, org_slug: str) -> list[Integration]:
        """Every integration there can be, as it stands."""
        return self._integrations.all(org_slug, self._connectors)

    def onboarded(self, org_slug: str) -> Onboarded:
        """Which onboarding of the org this is; `Stop` where it is not with us."""
        return self._integrations.onboarded(org_slug)

    def shows(self, written: Integration) -> bool:
        """Whether what was told can be read."""
        return self._integrations.shows(written)

    def set_up(self, org_slug: str, integration: str, requested: SetUpRequest) -> tuple[Integration, bool]:
        """The integration, VALID; and whether there was none before."""
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
        """The integration, VALID or INVALID as the provider says now."""
        stored = self._integrations.find(org_slug, integration)
        if not stored.configured:
            raise not_configured(integration)
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
        """The integration without its credential; one that is not set up stays as it is."""
        stored = self._integrations.find(org_slug, integration)
        if stored.status is IntegrationStatus.NOT_CONFIGURED:
            return stored
        return self._integrations.change(Integration(org_slug=org_slug, integration=integration))

    def _prove(self, stored: OrgIntegration) -> Proof:
        connector = self._connectors[stored.integration]
        settings = connector.read_settings(stored.settings)
        plaintext = self._vault().decrypt(stored.org_slug, stored.integration, stored.ciphertext or "")
        return connector.check(stored.onboarded, plaintext, settings)
