"""Cross-origin requests of browsers: which origins may call, and what their scripts may send and see.

Credentials travel in headers, never in cookies, so no origin is allowed to send credentials of the browser's own.
Not flask-cors: it answers neither our problem documents nor preflights of unknown paths the way we want them.
"""

from flask import Flask, Response, request

ALLOWED_METHODS = "GET, POST, PUT, DELETE"
ALLOWED_HEADERS = "X-API-Key, Authorization, Content-Type, If-Match, If-None-Match, Prefer, X-Request-ID"
EXPOSED_HEADERS = "ETag, Location, Preference-Applied, RateLimit, RateLimit-Policy, Retry-After, X-Request-ID"
PREFLIGHT_KEPT_S = 7200  # the longest that Chromium keeps one


def allow_origins(app: Flask, origins: frozenset[str]) -> None:
    """Answers preflights, and tells allowed origins' scripts what they may see; refusals included."""

    def preflight() -> Response | None:
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            return Response(status=204)
        return None

    def tell(response: Response) -> Response:
        response.headers.add("Vary", "Origin")
        origin = request.headers.get("Origin")
        if origin not in origins:
            return response
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = ALLOWED_METHODS
            response.headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
            response.headers["Access-Control-Max-Age"] = str(PREFLIGHT_KEPT_S)
        return response

    app.before_request(preflight)
    app.after_request(tell)
