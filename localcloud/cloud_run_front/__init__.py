"""What stands before a container at Cloud Run: a reverse proxy that checks invokers, removes signatures, sets limits.

From cloud.google.com/run: what the invoker check does to tokens and headers (docs/authenticating/service-to-service,
docs/troubleshooting), 32 MiB of an HTTP/1 request or answer (quotas), 504 after the request's time-out, 503 where the
container cannot be reached (docs/troubleshooting). Assumed, since nothing documents it: what `limits` and
`invoker_check` mark so, and that paths reach the container as they were sent; `merge_slashes` is the other possibility.
"""
