"""What a provider says with a 4xx, in whichever shape it says it, and whether that is about the credential."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from cloudact.json_types import Json

# Words for programs that both vendors use for a key that is wrong, gone, or may not do this.
CREDENTIAL_REASONS = frozenset(
    {
        "account_deactivated",
        "authentication_error",
        "insufficient_permissions",
        "invalid_api_key",
        "invalid_authentication",
        "missing_scope",
        "permission_error",
    }
)
_CREDENTIAL_WORDS = re.compile(
    r"\b(api[ _-]?keys?|keys?|credentials?|tokens?|scopes?|permissions?|roles?|authentication|deactivated|disabled)\b",
    re.IGNORECASE,
)
# Anthropic's front says "Request not allowed" with a 403 that passes; places and addresses are no key's fault either.
_ELSEWHERE = re.compile(
    r"request (was )?not allowed|\bip\b|ip_not|countr(y|ies)|\bregions?\b|territor|temporar", re.IGNORECASE
)
_PERMISSION = re.compile(r"permission|\bscopes?\b|\broles?\b", re.IGNORECASE)
_SCOPES = re.compile(r"(?:missing scopes?:|needed:)([^\]]{0,300})", re.IGNORECASE)
_SCOPE = re.compile(r"[a-z][\w-]*(?:[.:][\w-]+)+", re.ASCII | re.IGNORECASE)
_WORDS = ("error", "errors", "detail", "details", "message", "error_description", "msg")
MOST_WORDS, LONGEST_TEXT = 5, 16 * 1024

ReadError = Callable[[Mapping[str, Json]], tuple[Json, Json, Json]]


@dataclass(frozen=True)
class Refusal:
    """A provider's refusal. `reason` is its word for programs, `param` the parameter that it minds.

    `vendors_own` is false where the body has no words that a program could find: a proxy or firewall on the way has
    answered. `documented` is true for the envelope that the vendor documents.
    """

    status: int
    reason: str
    param: str
    message: str
    vendors_own: bool = True
    documented: bool = True

    @property
    def about_credential(self) -> bool:
        """Whether another credential, or more rights of this one, would help: what an integration is INVALID for."""
        if self.status not in (401, 403) or not self.vendors_own or _ELSEWHERE.search(f"{self.reason} {self.message}"):
            return False
        named = self.reason in CREDENTIAL_REASONS or _CREDENTIAL_WORDS.search(self.message)
        return bool(named) or (self.status == 401 and self.documented)

    @property
    def about_rights(self) -> bool:
        """Whether the credential is known, and may not do this."""
        named = self.reason in ("insufficient_permissions", "missing_scope", "permission_error")
        return self.status == 403 or named or bool(_PERMISSION.search(self.message))

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that the credential lacks, where they are named: `Missing scopes: a.b` or `Needed: ['a:b']`."""
        match = _SCOPES.search(self.message)
        return tuple(dict.fromkeys(_SCOPE.findall(match[1].partition(". ")[0]))) if match else ()


def read_refusal(status: int, body: Json, read_error: ReadError) -> Refusal:
    """Reads what any body of a refusal says; `None` stands for one that is not JSON.

    `read_error` finds (reason, param, message) in an object. Both vendors document `{"error": {…}}`; seen are also
    `{"error": "text"}` (OpenAI's missing scopes), lists, the `detail` or `message` of the frameworks before them, and
    a text alone, which is the vendor's where it is about the credential.
    """
    text = "; ".join(_words(body))[:LONGEST_TEXT]
    if _CREDENTIAL_WORDS.search(text):
        return _refusal(status, ("", "", text), documented=False)
    first = body[0] if isinstance(body, list) and body and isinstance(body[0], dict) else body
    fields: Mapping[str, Json] = first if isinstance(first, dict) else {}
    for name in _WORDS:
        if isinstance(error := _first_object(fields.get(name)), Mapping) and any(read_error(error)):
            return _refusal(status, read_error(error), documented=name == "error")
    if text := "; ".join(text for name in _WORDS for text in _texts(fields.get(name)))[:LONGEST_TEXT]:
        reason, param, _ = read_error(fields)
        return _refusal(status, (reason, param, text), documented="error" in fields)
    return Refusal(status, "", "", "", vendors_own=False, documented=False)


def _refusal(status: int, words: tuple[Json, Json, Json], *, documented: bool) -> Refusal:
    reason, param, message = (str(word or "") for word in words)
    return Refusal(status, reason, param, message, documented=documented)


def _words(body: Json) -> Iterator[str]:
    """The texts of a body that is nothing but texts."""
    texts = [body] if isinstance(body, str) else body
    if isinstance(texts, list) and all(isinstance(each, str) for each in texts):
        yield from filter(str.strip, texts[:MOST_WORDS])


def _first_object(value: Json) -> Json:
    return next((each for each in value if isinstance(each, Mapping)), None) if isinstance(value, list) else value


def _texts(value: Json) -> Iterator[str]:
    """The texts in a value: itself, those of a list, or those under the names that errors have."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value[:MOST_WORDS]:
            yield from _texts(each)
    elif isinstance(value, Mapping):
        for name in ("message", "msg", "detail", "error", "type", "code"):
            if isinstance(text := value.get(name), str):
                yield text
