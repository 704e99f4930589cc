"""What may be refused around enrolment, in words fit for anyone."""

from app.domain.errors import DomainError


class NoCareTeam(DomainError):
    """Nobody would look after the patient."""

    code = "no-care-team"
    title = "这个科室还没有设置随访团队"


class AlreadyOnPlan(DomainError):
    code = "already-on-plan"
    title = "患者已经在这个计划里"


class AnchorNeeded(DomainError):
    """The day from which the plan counts is not known, or makes no sense."""

    code = "anchor-needed"
    title = "请填写计划从哪一天算起，不能早于两年前或晚于一年后"


class PlanNotOffered(DomainError):
    """No such plan in force, or not open by this way."""

    code = "plan-not-offered"
    title = "这个计划现在不能加入"


class ProposalSettled(DomainError):
    code = "proposal-settled"
    title = "这一条已经处理过了"


class NotInThisState(DomainError):
    """The plan has ended, or is already as it is asked to become."""

    code = "not-in-this-state"
    title = "计划的状态已经改变，请刷新后再看"


class ReasonNeeded(DomainError):
    code = "reason-needed"
    title = "请选择原因"


class TeamNeeded(DomainError):
    code = "team-needed"
    title = "请选择转给哪个团队"
