"""HL7 v2: bytes from a hospital's interface engine become records of `app.domain`."""
