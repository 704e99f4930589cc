"""The door for the clouds of device makers: signed batches of readings."""
