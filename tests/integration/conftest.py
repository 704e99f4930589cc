"""Fixtures of the integration tests that call, or are called by, the stand-in platform."""

from tests.integration.platforms import account, logged, mini, quiet_standin, standin, wecom

__all__ = ["account", "logged", "mini", "quiet_standin", "standin", "wecom"]
