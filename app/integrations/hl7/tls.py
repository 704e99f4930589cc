"""Mutual TLS: who calls shows a certificate that the hospital's own authority signed."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files: our chain and its key, and the authority that signs the senders' certificates."""

    certificate: Path
    key: Path
    client_ca: Path


def make_context(files: Certificates) -> ssl.SSLContext:
    """Return a context for TLS 1.2 or newer that takes no caller without a certificate.

    :raises OSError: a file is missing, is no certificate, or the key does not fit
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(files.certificate, files.key)
    context.load_verify_locations(files.client_ca)
    return context


def names_of(connection: ssl.SSLSocket) -> frozenset[str]:
    """Return the names in the caller's certificate: its DNS names and its common name."""
    certificate: dict[str, Any] = connection.getpeercert() or {}
    dns = {name for kind, name in certificate.get("subjectAltName", ()) if kind == "DNS"}
    parts = [part for relative in certificate.get("subject", ()) for part in relative]
    return frozenset(dns | {value for name, value in parts if name == "commonName"})
