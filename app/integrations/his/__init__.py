"""How a hospital information system takes what we ask: FHIR, HL7 v2 or an interface table."""
