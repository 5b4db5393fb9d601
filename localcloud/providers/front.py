"""From the wire to a vendor's stand-in and back: controls, faults and the log happen here."""

import json
import traceback
from collections.abc import Mapping

from localcloud.providers.controls import Control
from localcloud.providers.faults import Faults, answer_with
from localcloud.providers.refusals import Refused, Vendor
from localcloud.providers.request_log import RequestLog
from localcloud.wire.listener import HttpAnswer, HttpRequest


class Front:
    """Answers everything that arrives at one vendor's port."""

    def __init__(
        self, vendor: Vendor, controls: Mapping[tuple[str, str], Control], faults: Faults, log: RequestLog
    ) -> None:
        self._vendor = vendor
        self._controls = controls
        self._faults = faults
        self._log = log

    def answer(self, request: HttpRequest) -> HttpAnswer:
        """The answer, whatever happens."""
        if request.path.startswith("/local/"):
            return self._control(request)
        answer = self._guarded(request)
        self._log.note(self._vendor.name, request, answer)
        return answer

    def _control(self, request: HttpRequest) -> HttpAnswer:
        control = self._controls.get((request.verb, request.path))
        if control is None:
            return _json(404, {"error": f"no control {request.verb} {request.path}"})
        try:
            return _json(200, control(request.body))
        except ValueError as err:
            return _json(400, {"error": str(err)})

    def _guarded(self, request: HttpRequest) -> HttpAnswer:
        place = f"{request.path}?{request.query}"
        fault = self._faults.strike(place, request.verb)
        try:
            return answer_with(fault, place, self._vendor, lambda: self._vendor.answer(request))
        except Refused as err:
            return _json(err.status, err.body, err.headers)
        except Exception:  # an entry point: a bug of the stand-in must be seen, and answered
            traceback.print_exc()
            failure = self._vendor.failure(500)
            return _json(500, failure.body, failure.headers)


def _json(status: int, body: object, headers: Mapping[str, str] | None = None) -> HttpAnswer:
    return HttpAnswer(status, json.dumps(body).encode(), headers or {})
