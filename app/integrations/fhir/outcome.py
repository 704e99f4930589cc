"""OperationOutcome: what became of a request, for programs and people."""

from collections.abc import Iterable
from typing import Any

from app.integrations.fhir.checking import Issue
from app.integrations.fhir.writer.writing import Resource


def outcome(issues: Iterable[Issue]) -> Resource:
    """Return the issues as a resource."""
    return {"resourceType": "OperationOutcome", "issue": [_issue(one) for one in issues]}


def _issue(issue: Issue) -> dict[str, Any]:
    found: dict[str, Any] = {
        "severity": issue.severity,
        "code": issue.code,
        "diagnostics": issue.diagnostics,
    }
    if issue.expression:
        found["expression"] = [issue.expression]
    return found


def note(severity: str, code: str, words: str) -> Resource:
    """Return an outcome of one issue that belongs to no place."""
    return outcome([Issue(severity, code, "", words)])
