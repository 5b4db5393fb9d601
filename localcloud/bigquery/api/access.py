"""What every route asks of a request: the emulator, and who is calling.

Asked as coroutines: FastAPI would hand each plain function to another thread and wait for it.
"""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import Depends, Request, Response

from localcloud.bigquery.emulator import Emulator


async def _emulator(request: Request) -> Emulator:
    emulator: Emulator = request.app.state.emulator
    return emulator


async def _principal(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ").strip()


EmulatorOf = Annotated[Emulator, Depends(_emulator)]
Principal = Annotated[str, Depends(_principal)]


def as_json(content: Any, status: int = 200) -> Response:
    """The answer; pages are large, so no model validation in between."""
    return Response(orjson.dumps(content), status, media_type="application/json")
