"""The chaos campaign: random use, kills and faults against the local cloud, and a checker of what must hold after."""
