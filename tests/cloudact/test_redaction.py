"""What is a key by its whole form never gets out; what only looks like the beginning of one stays as it is."""

import base64
import json
import re
import string
import time
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudact.orgs.org import new_api_key
from cloudact.redaction import CLEARED_CHARACTERS, cleared, marks, without_keys
from providers import PROVIDERS
from providers.lines import Line

ALNUM = string.ascii_letters + string.digits
URL_SAFE = ALNUM + "_-"
UPPER = string.ascii_uppercase + "234567"
SLUG = string.ascii_lowercase + string.digits + "_"


def text_of(alphabet: str, least: int, most: int | None = None) -> st.SearchStrategy[str]:
    """Drawn evenly, as keys are; Hypothesis would rather try forty times the same letter."""
    return st.integers(0, 2**64).map(lambda seed: _text(Random(seed), alphabet, least, most or least))


def _text(random: Random, alphabet: str, least: int, most: int) -> str:
    return "".join(random.choices(alphabet, k=random.randint(least, most)))


def token(header: dict[str, str], *rest: str) -> str:
    part = base64.urlsafe_b64encode(json.dumps(header, separators=(",", ":")).encode()).decode().rstrip("=")
    return ".".join((part, *rest))


HEADERS = st.sampled_from(
    [{"alg": "HS256"}, {"typ": "JWT", "alg": "RS256"}, {"alg": "ES256", "kid": "a1", "typ": "JWT"}]
)


def after(prefix: str, rest: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return rest.map(lambda text: prefix + text)


def marked(prefix: str, alphabet: str, half: int) -> st.SearchStrategy[str]:
    halves = st.tuples(text_of(alphabet, half), text_of(alphabet, half))
    return halves.map(lambda pair: f"{prefix}{pair[0]}T3BlbkFJ{pair[1]}")


SLUGS = st.tuples(text_of(string.ascii_lowercase + string.digits, 1), text_of(SLUG, 2, 20)).map("".join)

KEYS = {
    "openai, first form": marked("sk-", ALNUM, 20),
    "openai, 48 characters": after("sk-", text_of(ALNUM, 48)),
    "openai project": marked("sk-proj-", URL_SAFE, 74) | marked("sk-proj-", ALNUM, 20),
    "openai service account": marked("sk-svcacct-", URL_SAFE, 74),
    "openai admin": marked("sk-admin-", URL_SAFE, 58) | after("sk-admin-", text_of(URL_SAFE, 48)),
    "openai session": after("sess-", text_of(ALNUM, 40)),
    "anthropic api": after("sk-ant-api03-", text_of(URL_SAFE, 93).map(lambda text: text + "AA")),
    "anthropic enterprise": after("sk-ant-api01-", text_of(URL_SAFE, 86)),
    "anthropic admin": after("sk-ant-admin01-", text_of(URL_SAFE, 48, 95)),
    "anthropic oauth": after("sk-ant-oat01-", text_of(URL_SAFE, 95)),
    "google api key": after("AIza", text_of(URL_SAFE, 35)),
    "google access token": after("ya29.", text_of(URL_SAFE, 60, 200)),
    "google client secret": after("GOCSPX-", text_of(URL_SAFE, 28)),
    "google refresh token": after("1//0", text_of(URL_SAFE, 60)),
    "github": st.sampled_from("pousr").flatmap(lambda kind: after(f"gh{kind}_", text_of(ALNUM, 36))),
    "github, fine-grained": after("github_pat_", text_of(ALNUM + "_", 82)),
    "aws": st.sampled_from(["AKIA", "ASIA"]).flatmap(lambda p: after(p, text_of(UPPER, 16))),
    "jwt": st.tuples(HEADERS, *[text_of(URL_SAFE, 20, 60)] * 2).map(lambda parts: token(*parts)),
    "ours": st.tuples(SLUGS, text_of(URL_SAFE, 43)).map("_api_".join),
    "webhook": after("whsec_", text_of(URL_SAFE, 43)),
    "pem": text_of(ALNUM + "+/=\n", 200, 900).map(
        lambda body: f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----"
    ),
}  # fmt: skip
SURROUNDING = st.sampled_from(
    [
        *("", " ", "key: ", '"', "(", "'\n", "https://x.invalid/?k=", "Token=", "a:", "é", "_"),
        *("key%3D", "key%3d", "%22", "a%20", "k%253D", "a\\n", "k\\u003d"),
    ]
)


@pytest.mark.parametrize("kind", KEYS)
@settings(derandomize=True)  # one key of 30,000 is too regular to be known
@given(data=st.data(), before=SURROUNDING, behind=st.sampled_from(["", " ", ".", '"', ")", "\n", ", please"]))
def test_no_real_key_survives(kind: str, data: st.DataObject, before: str, behind: str) -> None:
    """Whatever stands around it, no key of any issuer's form is left in a message, nor in a row or its JSON."""
    key = data.draw(KEYS[kind])
    text = f"{before}{key}{behind}"
    line = Line({"model": text, "new": {"note": [text]}}, "x")
    told = [cleared(text), without_keys(text), str(line.text("model")), line.as_json(), repr(line.unknown(()))]
    assert [each for each in told if key in each] == []


@pytest.mark.parametrize("kind", KEYS)
@given(data=st.data(), before=SURROUNDING)
def test_every_key_holds_a_mark(kind: str, data: st.DataObject, before: str) -> None:
    """A text without any of the marks holds no key, so it need not be looked at closely; other keys in each session."""
    assert re.search(marks(), before + data.draw(KEYS[kind]))


def test_a_name_holds_no_mark() -> None:
    """What vendors send most is not looked at closely."""
    assert not re.search(marks(), "gpt-5.4-mini, cached input")


BEGINNINGS = ["sk-", "sk-proj-", "sk-admin-", "sk-ant-", "task-proj-", "AKIA", "eyJ", "my_api_", "sess-", ""]
NAMES = st.one_of(
    st.tuples(
        st.sampled_from(["gpt-4o", "gpt-4.1-mini-2025-04-14"]),
        st.from_regex(r"[a-z0-9-]{1,18}", fullmatch=True),
        st.sampled_from(BEGINNINGS),
        st.from_regex(r"[a-z][a-z0-9-]{0,17}", fullmatch=True),
        text_of(ALNUM, 8),
    ).map(lambda parts: f"ft:{parts[0]}:{parts[1]}:{parts[2]}{parts[3]}:{parts[4]}"),
    st.tuples(st.sampled_from(["proj_", "user-", "wrkspc_", "apikey_01", "vs_"]), text_of(ALNUM, 24)).map("".join),
    st.sampled_from(["claude-opus-4@20250514", "text-embedding-3-large, input", "模型, 输出", "a@b", "0-200k", "sk-"]),
    st.text(st.characters(exclude_characters="@-_.", exclude_categories=["Cs"]), max_size=40),
)  # fmt: skip


@given(name=NAMES)
def test_names_stay_as_they_are(name: str) -> None:
    """A model, project, key id or line item that is no key by its form is stored as the vendor sends it."""
    assert Line({"model": name}, "x").text("model") == name


WORDS = st.one_of(
    st.sampled_from(["internal", "documentation", "assistant", "for", "customers", "eu", "north", "model", "v2"]),
    st.sampled_from(["Support", "EMEA", "Acme", "2025-04-14", "gpt4", "o3", "mini", "final", "admin", "key", "beta"]),
)
GLUED = [
    "sk-admin-",
    "sk-proj-",
    "sk-ant-model01-",
    "sk-",
    "internal_api_",
    "sess-",
    "eyJmodel12345.",
    "ghp_",
    "whsec_",
]


@given(before=st.sampled_from(GLUED), words=st.lists(WORDS, min_size=1, max_size=16), glue=st.sampled_from(["-", "_"]))
def test_names_made_of_words_stay(before: str, words: list[str], glue: str) -> None:
    """However long, a name made of words and versions is no key, whatever it begins with; in rows and in messages."""
    name = f"ft:gpt-4.1-mini:acme:{before}{glue.join(words)}:BxYz1234"
    assert (Line({"m": name}, "x").text("m"), without_keys(name)) == (name, name)


@pytest.mark.parametrize(
    "name",
    [
        "ft:gpt-4.1-mini-2025-04-14:acme:internal_api_documentation-assistant-for-customers-v2-final:BxYz1234",
        "sk-admin-console-summarizer-model-for-the-eu-north-region",
        "sk-" + "summarizerforthenorthernregionofacme" * 2,
        "eyJmodel12345.abcdefgh12",
        "eyJmodelformany12345678.abcdefgh12345678.abcdefgh12345678",
        "gpt@v1.beta",
        "gpt@v1.preview-0925",
    ],
)
def test_names_that_were_taken_for_keys(name: str) -> None:
    """These were once taken for keys and addresses, so that nothing joined."""
    assert (Line({"m": name}, "x").text("m"), cleared(name)) == (name, name)


def test_our_own_keys() -> None:
    """A key as the service makes it is known, and what is longer or shorter is not one."""
    key = "acme_api_" + "aB3-" * 10 + "x_9"
    assert len(new_api_key("acme")) == len(key)
    assert [without_keys(text) for text in (key, key + "a", key[:-1])] == ["[key]", key + "a", key[:-1]]


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("claude_code_key_jane.doe_abcd", "claude_code_key_[person]_abcd"),
        ("claude_code_key_jane_doe_abcd", "claude_code_key_[person]_abcd"),
        ("claude_code_key_jane.doe@acme.com_wxyz", "claude_code_key_[person]_wxyz"),
        ("claude_code_key_zoë", "claude_code_key_[person]"),
        ("claude_code_key_[person]_abcd", "claude_code_key_[person]_abcd"),
        ("jane.doe@acme.com-laptop", "[e-mail]-laptop"),
        ("jane.doe@acme.com_2", "[e-mail]_2"),
        ("jane.doe@acme.com1", "[e-mail]1"),
        ("jane@alphabeta.beta.de", "[e-mail]"),
        ("?user=jane.doe%40acme.com&x", "?user=[e-mail]&x"),
        ("claude_code_keys of all", "claude_code_keys of all"),
    ],
)
def test_persons_in_names(name: str, stored: str) -> None:
    """A name that contains a person or an address by construction loses that part, and nothing else."""
    line = Line({"api_key_name": name}, "x")
    assert (line.text("api_key_name"), json.loads(line.as_json())["api_key_name"], cleared(name)) == (stored,) * 3


def test_models_with_names_that_begin_like_keys() -> None:
    """Fine-tuned models called sk-learn-bot or sk-lines stay apart, in rows and in messages."""
    for name in (
        "ft:gpt-4.1-mini-2025-04-14:acme:sk-learn-bot:BxYz1234",
        "ft:gpt-4o:acme:sk-proj-support-bot-emea:Ab12",
    ):
        assert (Line({"m": name}, "x").text("m"), cleared(f"{name}, input costs nothing.")) == (
            name,
            f"{name}, input costs nothing.",
        )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Incorrect API key provided: sk-admin-************abcd.", "Incorrect API key provided: [key]."),
        ("Incorrect API key provided: sk-abc1****************wxyz.", "Incorrect API key provided: [key]."),
        ("Authorization: Bearer abcdef0123456789abcdef", "Authorization: [key]"),
        ("authorization: bearer  a.b-c_d~e+f/g0123456==", "authorization: [key]"),
        ("The bearer authentication-scheme-is-needed", "The bearer authentication-scheme-is-needed"),
        ("mail dev.ops+x@sub.example.com now", "mail [e-mail] now"),
        ("-----BEGIN PRIVATE KEY-----\\nMIIE cut off", "[key]"),
    ],
)
def test_free_text(text: str, told: str) -> None:
    """Masked keys, bearer tokens, addresses and half of a PEM are taken out of free text; its words stay."""
    assert cleared(text) == told


def test_a_key_at_the_end_of_what_is_looked_at() -> None:
    """A text is cut to 64 KiB before it is cleared; a key that the cut goes through is not left as half a key."""
    key = "sk-admin-" + "aB3" * 40
    for fits in (0, 5, 30, 60):
        told = cleared("x " * ((CLEARED_CHARACTERS - fits) // 2) + key)
        assert "sk-admin" not in told


EVIL = ["sk-", "a_", "-a_api_", "sk-sk-T3Blbk", "eyJ-", "bearer ", "-----BEGIN PRIVATE KEY", "a@", "x."]
EVIL += ["claude_code_key_", "claude_code_key_a.", *(begins for each in PROVIDERS for begins in each.key_beginnings)]
EVIL += [f" {begins}aB3" for each in PROVIDERS for begins in each.key_beginnings]


@pytest.mark.parametrize("evil", EVIL)
def test_clearing_is_quick(evil: str) -> None:
    """A megabyte that begins to look like keys over and over is cleared as fast as any text."""
    started = time.process_time()
    assert isinstance(cleared(evil * (10**6 // len(evil))), str)
    assert time.process_time() - started < 5
