"""Which rows a rule's evidence speaks of, so that staff can open what gave a tag."""

from collections.abc import Iterable

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.domain.criteria.evidence import Evidence
from app.domain.criteria.population import Measured, Scored, Visited
from app.domain.criteria.tree import ActiveCondition, Answered, Change, Count, Latest
from app.domain.criteria.trends import Dip, Growth, Mean, OfLast, Rise, Slope
from app.models.plans.plan_definition import Questionnaire
from app.models.plans.questionnaire_response import QuestionnaireResponse
from app.models.profile.encounter import Condition, Encounter
from app.models.profile.observation import Observation


class EvidenceRows:
    """Kind and public id of each row that made rules hold, where it is one; each asked once."""

    def __init__(self, session: Session, patient_id: int) -> None:
        self._session, self._patient_id = session, patient_id
        self._seen: dict[tuple[object, ...], dict[str, str] | None] = {}

    def of(self, evidence: Iterable[Evidence]) -> tuple[dict[str, str], ...]:
        found = {str(row): row for one in evidence if (row := self._one(one)) is not None}
        return tuple(found.values())

    def _one(self, evidence: Evidence) -> dict[str, str] | None:
        leaf = evidence.criterion
        of = getattr(leaf, "code", None) or getattr(leaf, "questionnaire", None) or evidence.shown
        key = (type(leaf), of, evidence.at)
        if key not in self._seen:
            self._seen[key] = self._ask(evidence)
        return self._seen[key]

    def _ask(self, evidence: Evidence) -> dict[str, str] | None:
        named = _row(self._patient_id, evidence)
        if named is None:
            return None
        kind, rows = named
        public_id = self._session.scalar(rows.limit(1))
        return None if public_id is None else {"kind": kind, "id": public_id}


def _row(patient_id: int, evidence: Evidence) -> tuple[str, Select[str]] | None:
    match evidence.criterion:
        case (
            Latest()
            | Count()
            | Change()
            | Measured()
            | OfLast()
            | Mean()
            | Rise()
            | Slope()
            | Growth()
            | Dip()
        ) as leaf:
            return "observation", select(Observation.public_id).filter_by(
                patient_id=patient_id, code=leaf.code, effective_at=evidence.at, is_current=True
            ).order_by(Observation.id.desc())
        case ActiveCondition():
            return "condition", select(Condition.public_id).filter_by(
                patient_id=patient_id, code=evidence.shown, is_active=True, is_provisional=False
            ).order_by(Condition.recorded_at.desc())
        case Answered(questionnaire=key) | Scored(questionnaire=key):
            return "response", select(QuestionnaireResponse.public_id).join(Questionnaire).where(
                QuestionnaireResponse.patient_id == patient_id,
                QuestionnaireResponse.authored_at == evidence.at,
                Questionnaire.key == key,
            )
        case Visited():
            return "encounter", select(Encounter.public_id).filter_by(
                patient_id=patient_id, started_at=evidence.at
            )
    return None
