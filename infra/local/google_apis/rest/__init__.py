"""HTTP on loopback in the manner of Google's REST APIs: routes, JSON, errors, pages, operations, faults, counts."""
