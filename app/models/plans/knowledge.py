"""The knowledge in force, compiled once per process and set of packs."""

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.criteria.names import Names
from app.domain.plans.pack_parsing import parse_pack
from app.domain.plans.pack_sets import library_names
from app.domain.plans.packs import Pack as PackContent
from app.domain.plans.plan import PlanDefinition as Plan
from app.domain.plans.questionnaires import Questionnaire
from app.domain.plans.rules import Rule, RuleIndex
from app.models.plans.plan_definition import Pack, PublicationStatus


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Every pack in force as the domain reads it."""

    packs: Mapping[str, PackContent]  # by pack key
    rules: RuleIndex
    plans: Mapping[str, Plan]  # newest version by plan key
    questionnaires: Mapping[str, Questionnaire]
    pack_of: Mapping[str, str]  # pack key by rule key
    pack_of_plan: Mapping[str, str]  # pack key by plan key
    names: Names  # what people call the things that criteria name by a key

    def rule(self, rule_key: str) -> Rule:
        pack = self.packs[self.pack_of[rule_key]]
        return next(rule for rule in pack.rules if rule.key == rule_key)

    def pack_of_rule(self, rule_key: str) -> str:
        return self.pack_of[rule_key]


_lock = Lock()
_compiled: dict[tuple[bytes, ...], Knowledge] = {}


def knowledge(session: Session) -> Knowledge:
    """Return what is in force now; parsing happens only when the set of packs changes."""
    active = select(Pack).filter_by(status=PublicationStatus.ACTIVE).order_by(Pack.id)
    # By content, not by id: a restored database gives the same id to another pack.
    hashes = tuple(session.scalars(active.with_only_columns(Pack.content_hash)))
    with _lock:
        found = _compiled.get(hashes)
    if found is None:
        rows = session.scalars(active).all()
        found = _compile({row.key: parse_pack(row.content) for row in rows})
        with _lock:
            _compiled.clear()
            _compiled[tuple(row.content_hash for row in rows)] = found
    return found


def _compile(packs: Mapping[str, PackContent]) -> Knowledge:
    every = packs.values()
    names = library_names(every)
    return Knowledge(
        packs=packs,
        rules=RuleIndex((rule for pack in every for rule in pack.rules), names),
        plans={plan.key: plan for pack in every for plan in pack.plans},
        questionnaires={form.key: form for pack in every for form in pack.questionnaires},
        pack_of={rule.key: key for key, pack in packs.items() for rule in pack.rules},
        pack_of_plan={plan.key: key for key, pack in packs.items() for plan in pack.plans},
        names=names,
    )
