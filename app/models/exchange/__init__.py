"""Documents on their way to other systems, and who is told of events."""
