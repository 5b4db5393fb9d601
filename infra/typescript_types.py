"""`python -m infra.typescript_types`: writes the TypeScript client's types from the OpenAPI document of `api`."""

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

from cloudact.settings import ROOT
from functions.routes import public_document
from functions.web.problems import PROBLEM_JSON

FILE = ROOT / "clients" / "typescript" / "src" / "openapi.ts"
_INTRODUCTION = (
    "// Written by `python -m infra.typescript_types` from the OpenAPI document of the API: change it there.\n"
)
_TYPES = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
_NAME = re.compile(r"[A-Za-z_]\w*")
Schema = dict[str, Any]


def module() -> str:
    """Module src/openapi.ts: a type for each schema, the codes of refusals, and what each operation takes and gives."""
    document = json.loads(json.dumps(public_document()))  # plain words for enumerations
    parts = [_INTRODUCTION, *(_declared(*each) for each in sorted(document["components"]["schemas"].items()))]
    return "\n".join([*parts, _codes(document), _operations(document)])


def _declared(name: str, schema: Schema) -> str:
    comment = _comment(schema.get("description"), "")
    if "properties" not in schema:
        return f"{comment}export type {name} = {_type(schema)};\n"
    return f"{comment}export interface {name} {_members(schema, '')}\n"


def _members(schema: Schema, indent: str) -> str:
    required = schema.get("required", [])
    lines = []
    for name, member in schema["properties"].items():
        optional = "" if name in required else "?"
        lines.append(_comment(member.get("description"), f"{indent}  "))
        lines.append(f"{indent}  {_quoted(name)}{optional}: {_type(member, f'{indent}  ')};\n")
    if schema.get("additionalProperties") is True:
        lines.append(f"{indent}  [name: string]: unknown;\n")
    return "{\n" + "".join(lines) + indent + "}"


def _type(schema: Schema, indent: str = "") -> str:
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(map(json.dumps, schema["enum"]))
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_type(each, indent) for each in schema["anyOf"]))
    if schema.get("type") == "array":
        return f"Array<{_type(schema.get('items', {}), indent)}>"
    if "properties" in schema:
        return _members(schema, indent)
    if schema.get("type") == "object":
        values = schema.get("additionalProperties")
        return f"Record<string, {_type(values, indent) if isinstance(values, dict) else 'unknown'}>"
    return _TYPES[schema["type"]] if "type" in schema else "unknown"


def _codes(document: Schema) -> str:
    """Codes that some refusal has today, those of providers too. A program that compares must expect others."""
    found = set(document["components"]["schemas"]["ProblemDocument"]["properties"]["code"]["examples"])
    for *_, operation in _each_operation(document):
        for answer in operation["responses"].values():
            if problem := answer.get("content", {}).get(PROBLEM_JSON):
                found |= set(problem["schema"]["properties"]["code"]["examples"])
    lines = "".join(f"\n  | {json.dumps(code)}" for code in sorted(found))
    return f"/** Codes of today; others may come. */\nexport type KnownCode ={lines};\n"


def _operations(document: Schema) -> str:
    entries = "".join(_operation(*each) for each in _each_operation(document))
    comment = _comment("Query, body and answer of each operation, by its method and path.", "")
    return f"{comment}export interface Operations {{\n{entries}}}\n"


def _each_operation(document: Schema) -> Iterator[tuple[str, str, Schema]]:
    """Operations that answer with JSON: the client reads no files."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            answers = (answer for status, answer in operation["responses"].items() if status.startswith("2"))
            if all("application/json" in answer["content"] for answer in answers):
                yield method.upper(), path, operation


def _operation(method: str, path: str, operation: Schema) -> str:
    """Entry of one operation; its answer is what it gives with any 2xx."""
    parameters = [each for each in operation["parameters"] if each["in"] == "query"]
    members = {each["name"]: each["schema"] | _described(each) for each in parameters}
    query = _members({"properties": members}, "    ") if members else "object"
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    answers = dict.fromkeys(
        _type(answer["content"]["application/json"]["schema"])
        for status, answer in operation["responses"].items()
        if status.startswith("2")
    )
    return (
        f"{_comment(operation['summary'], '  ')}"
        f"  {json.dumps(f'{method} {path}')}: {{\n"
        f"    query: {query};\n"
        f"    body: {_type(body) if body else 'undefined'};\n"
        f"    answer: {' | '.join(answers)};\n"
        "  };\n"
    )


def _described(parameter: Schema) -> Schema:
    return {"description": parameter["description"]} if "description" in parameter else {}


def _comment(text: str | None, indent: str) -> str:
    return f"{indent}/** {' '.join(text.split()).replace('*/', '* /')} */\n" if text else ""


def _quoted(name: str) -> str:
    return name if _NAME.fullmatch(name) else json.dumps(name)


if __name__ == "__main__":
    FILE.write_text(module(), encoding="utf-8")
    sys.stdout.write(f"{FILE.relative_to(ROOT)}: written\n")
