"""The past of a demo org: the days before its first start, worked on by the job's own code as of those days.

`daily_calls` says which runs there would have been and has them worked on, `sources` is what they read, and `warehouse`
keeps what they write until it is loaded, by one load job for each table.
"""
