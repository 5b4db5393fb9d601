"""REST in the manner of Google: routes, JSON, errors, pages, operations, faults."""
