"""Why a wish about medicines is not taken, in words for the patient."""

from app.domain.errors import DomainError


class MedicineNotOffered(DomainError):
    """One of the medicines is not for this service; `title` says which and why."""

    code = "medicine-not-offered"

    def __init__(self, title: str) -> None:
        super().__init__(self.code)
        self.title = title


class NeedsVisit(DomainError):
    code = "needs-visit"
    title = "病情有变化时请先复诊，再决定怎样用药。如果很不舒服，请马上就医"


class TooManyWeeks(DomainError):
    """More weeks than the rule has, or more than four without what they ask for."""

    code = "too-many-weeks"

    def __init__(self, title: str) -> None:
        super().__init__(self.code)
        self.title = title


class FlowUnderWay(DomainError):
    code = "flow-under-way"
    title = "其中有的药已经在办理，请先看它的进度"


class WindowNotPossible(DomainError):
    code = "window-not-possible"
    title = "请选择从现在起两周内的送药时间，结束要晚于开始"


class TooLateToCancel(DomainError):
    code = "too-late-to-cancel"
    title = "药已经备好或送出，不能在这里取消，请联系医院"


class NobodyToAsk(DomainError):
    code = "nobody-to-ask"
    title = "您所在的科室还没有开通这项服务，请到医院办理"
