"""What must wait for a person."""


class Held(Exception):
    """Acting on the message might touch the wrong person: it waits, visible, with a reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
