"""An endpoint: its path, what answers it, and what can be asked and answered. Routes and OpenAPI are made of these."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from flask import Flask, Response

from cloudact.json_types import Json
from functions.web.later import imported
from functions.web.refusals import ANY_REQUEST, BODY, NONE, ORG_IN_PATH, QUERY, REQUIRED_FIELD, Refusals

if TYPE_CHECKING:
    from pydantic import BaseModel

    from functions.web.inputs import Input

BASE = "/api/v1"


@dataclass(frozen=True)
class Endpoint:
    """An endpoint. `path` is Flask's; `documented` has OpenAPI's forms of it where one of these is not enough.

    A table may name its view and its shapes `Later`: the view is only called, the shapes are those of `imported()`.
    `room` names the collaborators that the view is handed; a view without a room is handed `None`. One that `waits`
    holds its answer back while it is what If-None-Match names. A `guarded` one changes only what If-Match names.
    `other_bodies` are media types that it takes beside
    JSON, `files` those of one that answers 200 with a file and not with JSON. `refusals` are its own, beside those that
    follow from its path, its inputs and its callers.
    """

    method: str
    path: str
    name: str
    view: Callable[..., Response]
    summary: str
    answers: "Mapping[int, type[BaseModel]]"
    refusals: Refusals = NONE
    query: "type[Input] | None" = None
    body: "type[Input] | None" = None
    other_bodies: Sequence[str] = ()
    room: str = ""
    public: bool = False
    conditional: bool = False
    guarded: bool = False
    waits: bool = False
    headers: Sequence[str] = ()
    documented: Sequence[str] = ()
    files: Sequence[str] = ()
    bases: Sequence[str] = field(default=(BASE,))

    def imported(self) -> "Endpoint":
        """The endpoint with its view and shapes themselves."""
        return replace(
            self,
            view=imported(self.view),
            answers={status: imported(shape) for status, shape in self.answers.items()},
            query=imported(self.query),
            body=imported(self.body),
            headers=[imported(name) for name in self.headers],
            other_bodies=[imported(media_type) for media_type in self.other_bodies],
        )

    def all_refusals(self, of_callers: Refusals) -> Refusals:
        """Every refusal that the endpoint may answer, where its callers are refused so."""
        found = self.refusals | ANY_REQUEST
        if not self.public:
            found |= of_callers
        if "<org>" in self.path:
            found |= ORG_IN_PATH
        if self.query:
            found |= QUERY
        if self.body:
            found |= BODY
        for shape in filter(None, (self.query, self.body)):
            found |= REQUIRED_FIELD if any(each.is_required() for each in shape.model_fields.values()) else NONE
        return found


@dataclass(frozen=True)
class Function:
    """Title, credentials and refusals of one function, for its document.

    `security` holds the accepted credentials as security schemes by name, `of_callers` how callers are refused,
    `refused` what statuses mean here only.
    """

    title: str
    description: str
    security: Mapping[str, Json]
    of_callers: Refusals
    refused: Mapping[int, str] = field(default_factory=dict)
    cached: str = "public, max-age=300"


def add_endpoints(
    app: Flask, endpoints: Sequence[Endpoint], collaborators: object, guard: Callable[[], object] | None = None
) -> None:
    """Adds a route for each path. A view is handed the collaborators of its room and the parts of its path.

    Both are imported and built with the first request for them. `guard` is called before every view that is not public,
    and raises a `Problem` for whoever may not call.
    """
    for endpoint in endpoints:
        view = partial(_view, endpoint, collaborators)
        for base in endpoint.bases:
            name = endpoint.name if base == endpoint.bases[0] else f"{endpoint.name}_{base.strip('/') or 'root'}"
            app.add_url_rule(
                base + endpoint.path,
                name,
                view if guard is None or endpoint.public else partial(_guarded, guard, view),
                methods=[endpoint.method],
                provide_automatic_options=False,
            )


def _view(endpoint: Endpoint, collaborators: object, **parts: str) -> Response:
    room = getattr(collaborators, endpoint.room) if endpoint.room else None
    return endpoint.view(room, **parts)


def _guarded(guard: Callable[[], object], view: Callable[..., Response], **parts: str) -> Response:
    guard()
    return view(**parts)
