"""Cloud Storage, as far as uploads of sources need it: buckets exist, objects are accepted and dropped."""

from infra.rehearsal.calls import Call, Reply
from infra.rehearsal.projects import NUMBER
from infra.rehearsal.store import Store


def answer(call: Call, _store: Store) -> Reply | None:
    """Answer of the JSON API of Cloud Storage."""
    path = call.path.removeprefix("/storage/v1").removeprefix("/upload").removeprefix("/resumable")
    path = path.removeprefix("/storage/v1")
    if not path.startswith("/b"):
        return None
    parts = path.strip("/").split("/")
    if "o" in parts:
        name = call.query.get("name") or (call.body or {}).get("name", "source")
        return Reply(
            {"kind": "storage#object", "name": name, "bucket": parts[1], "generation": "1", "size": str(call.size)}
        )
    if len(parts) == 1 and call.method == "GET":
        name = call.query.get("prefix", "bucket")
        return Reply({"kind": "storage#buckets", "items": [{"kind": "storage#bucket", "name": name, "id": name}]})
    name = parts[1] if len(parts) > 1 else call.body["name"]
    return Reply({"kind": "storage#bucket", "name": name, "location": "US", "projectNumber": NUMBER})
