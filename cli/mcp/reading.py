"""Reads of the API for one org. There is no other call, so no tool can change anything."""

from collections.abc import Mapping
from dataclasses import dataclass

from cli.http import path_of
from cli.json_object import JsonObject
from cli.session import Api


@dataclass(frozen=True)
class Reading:
    """GETs of the org that the credential opens: a tool names neither an org nor a credential."""

    api: Api

    def of_org(self, *parts: str, query: Mapping[str, object] | None = None) -> JsonObject:
        """Answer of an endpoint whose path has the org as its second part, such as `costs` and `integrations`."""
        first, *others = parts
        return self.api.call("GET", first, self.api.org, *others, query=query or {}).body

    def settings(self, name: str) -> JsonObject:
        """Answer of an endpoint below `organizations`, such as `quota` and `invoices`."""
        return self.api.call("GET", "organizations", self.api.org, name).body

    def public(self, *parts: str) -> JsonObject:
        """Answer of an endpoint that needs no credential."""
        return self.api.call("GET", *parts, public=True).body

    def error_page(self, code: str) -> JsonObject:
        """Meaning of an error code and what to do."""
        return self.api.http.call("GET", path_of("errors", code), public=True).body

    @property
    def doubt(self) -> str:
        """Sentence about a key that has not the form of one; empty if it has. Shows no key."""
        return self.api.customer.doubt
