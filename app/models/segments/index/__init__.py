"""The index of segments: who has which attribute, as bitmaps in memory that follow the events.

`bitmaps` holds them, `evaluating` answers trees, `build` reads all from the database, `tail`
follows the events, `snapshot` lets a process start from where another one was, `live` is the one
of a process. The database alone is the truth: `checking` compares.
"""
