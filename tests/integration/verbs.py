"""The operator's verbs, run as a shell would."""

from collections.abc import Callable

# Arguments → exit status, output and errors.
Verb = Callable[..., tuple[int, str, str]]
