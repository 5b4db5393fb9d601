"""The pages *Settings*: integrations, API keys and the webhook, as far as they can be shown without a secret."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response

from functions.console.actions import done
from functions.console.collaborators import Console
from functions.console.delivery_lines import delivery_lines
from functions.console.forms import read_form
from functions.console.pages import page
from functions.console.sessions import visit
from functions.console.words import INTEGRATION
from functions.orgs.api_keys import live_keys
from functions.orgs.integrations import (
    IntegrationState,
    SetupBody,
    integration_of,
    integration_states,
    remove_requested,
    set_up_requested,
    validate_requested,
)
from functions.orgs.webhooks import delete_requested, ping_requested, webhook_state
from functions.web.problems import bad_field


@dataclass(frozen=True)
class Setting:
    """Setting of an integration as text."""

    name: str
    value: str


@dataclass(frozen=True)
class IntegrationCard:
    """Integration with its provider's name and how its credential is handed over."""

    state: IntegrationState
    name: str
    help: str
    words: str
    kind: str
    settings: Sequence[Setting]
    fields: Sequence[Setting]


def show_integrations(console: Console, org: str) -> Response:
    """200 with every integration there can be."""
    visited = visit(console, org)
    states = {each.provider: each for each in integration_states(console.integrations, org)}
    cards = [
        _card(states[each.id], each.name, each.credential_help, list(each.settings.model_fields))
        for each in console.integrations.providers
    ]
    return page(console, visited, "settings_integrations.html", cards=cards)


def set_up(console: Console, org: str, provider: str) -> Response:
    """303 to the integrations, which say whether the provider has accepted the credential."""
    visited = visit(console, org)
    form = read_form(console, visited.session)

    def act() -> Response:
        integration = integration_of(console.integrations, provider)
        return set_up_requested(console.integrations, visited.actor, integration, _setup_body(form))

    return done(console, act, _integrations(org, provider), lambda answer: str(answer["message"]))


def validate(console: Console, org: str, provider: str) -> Response:
    """303 to the integrations, which say what the provider says now."""
    visited = visit(console, org)
    read_form(console, visited.session)

    def act() -> Response:
        return validate_requested(console.integrations, org, integration_of(console.integrations, provider))

    return done(console, act, _integrations(org, provider), _judged)


def remove(console: Console, org: str, provider: str) -> Response:
    """303 to the integrations, without the credential."""
    visited = visit(console, org)
    form = read_form(console, visited.session)

    def act() -> Response:
        integration = integration_of(console.integrations, provider)
        if form.get("confirm") != "true":
            raise bad_field("confirm", "must be ticked: the credential cannot be brought back")
        return remove_requested(console.integrations, visited.actor, integration)

    return done(console, act, _integrations(org, provider), lambda answer: str(answer["message"]))


def show_keys(console: Console, org: str) -> Response:
    """200 with the keys that open the org, by what may be known of them."""
    visited = visit(console, org)
    return page(console, visited, "settings_keys.html", keys=live_keys(console.keys, org))


def show_webhook(console: Console, org: str) -> Response:
    """200 with where events are sent, and what became of the last ones."""
    visited = visit(console, org)
    return page(
        console,
        visited,
        "settings_webhook.html",
        webhook=webhook_state(console.webhooks, org),
        deliveries=delivery_lines(console, org),
    )


def test_webhook(console: Console, org: str) -> Response:
    """303 to the webhook, to which a test event is on its way."""
    visited = visit(console, org)
    read_form(console, visited.session)
    return done(
        console,
        lambda: ping_requested(console.webhooks, org),
        f"/console/{org}/settings/webhook",
        lambda answer: str(answer["message"]),
    )


def delete_webhook(console: Console, org: str) -> Response:
    """303 to the webhook, which is removed."""
    visited = visit(console, org)
    form = read_form(console, visited.session)

    def act() -> Response:
        if form.get("confirm") != "true":
            raise bad_field("confirm", "must be ticked: the secret that calls are signed with is not used again")
        return delete_requested(console.webhooks, visited.actor)

    return done(
        console,
        act,
        f"/console/{org}/settings/webhook",
        lambda _answer: "The webhook is removed: no more events are sent.",
    )


def _integrations(org: str, provider: str) -> str:
    return f"/console/{org}/settings#{provider}" if provider.isalnum() else f"/console/{org}/settings"


def _judged(answer: Mapping[str, Any]) -> str:
    error = answer["last_error"]
    return f"{answer['message']} {error}" if error else "The provider accepts the credential."


def _setup_body(form: Mapping[str, str]) -> SetupBody:
    """Body of a set-up; settings that are left empty stay as they were, unless one of them is given."""
    settings = {
        name.removeprefix("setting_"): text for name, text in form.items() if name.startswith("setting_") and text
    }
    fields: dict[str, object] = {"credential": form.get("credential", "")}
    if form.get("credential_name"):
        fields["credential_name"] = form["credential_name"]
    if settings:
        fields["metadata"] = {name: _value(text) for name, text in settings.items()}
    return SetupBody.model_validate(fields)


def _value(text: str) -> object:
    """Value of a setting: JSON where it is a list or an object, else the text."""
    try:
        return json.loads(text) if text[0] in "[{" else text
    except ValueError:
        return text


def _label(text: str) -> str:
    """Sentence of a document as a label: without its marks, and with a capital letter."""
    plain = text.replace("`", "")
    return plain[:1].upper() + plain[1:]


def _card(state: IntegrationState, name: str, credential_help: str, fields: Sequence[str]) -> IntegrationCard:
    shown = {key: value if isinstance(value, str) else json.dumps(value) for key, value in state.settings.items()}
    return IntegrationCard(
        state=state,
        name=name,
        help=_label(credential_help),
        words=INTEGRATION[state.status],
        kind=state.status.value.lower(),
        settings=[Setting(key, text) for key, text in shown.items()],
        fields=[Setting(each, shown.get(each, "")) for each in fields],
    )
