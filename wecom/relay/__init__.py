"""The outer zone's process: takes the platforms' callbacks, and can neither read nor keep records.

It holds each app's callback token, to tell the platform from a stranger, and a database account
that may insert into one table. What passes it stays encrypted with a key it does not have.
"""
