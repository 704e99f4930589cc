"""The FHIR R4 API: other systems of the hospital give us resources and fetch records."""
