"""HTTP on loopback for stand-ins of other people's APIs: a listener, faults by rule, counts. Knows no API."""
