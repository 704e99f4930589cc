"""From our record to FHIR R4: what others read, and what we would read back as the same."""

from app.integrations.fhir.writer.questionnaires import write_questionnaire
from app.integrations.fhir.writer.record import bundle, resources

__all__ = ["bundle", "resources", "write_questionnaire"]
