"""What may be refused, and why, in words fit for anyone; services raise these, HTTP-free."""


class DomainError(Exception):
    """A refusal with a `code` for programs and a `title` (Chinese) for people."""

    code = "refused"
    title = "无法完成这个操作"


class NotFound(DomainError):
    """Does not exist, or the asker may not know that it does: both look the same."""

    code = "not-found"
    title = "没有找到"


class NotAllowed(DomainError):
    """The asker is known and may never do this, whoever the patient is."""

    code = "not-allowed"
    title = "您没有这个操作的权限"


class SignInRequired(DomainError):
    code = "sign-in-required"
    title = "登录已失效，请重新登录"


class TooManyTries(DomainError):
    code = "too-many-tries"
    title = "今天尝试的次数太多，请明天再试或到服务台办理"


class BindingRefused(DomainError):
    """One text for every reason, so that nobody learns who is a patient here."""

    code = "binding-refused"
    title = "信息核对没有通过，请检查后再试，或到服务台办理"


class ConsentRequired(DomainError):
    code = "consent-required"
    title = "需要先阅读并同意相关说明"


class ImplausibleValue(DomainError):
    """Outside what a body or a device can show (clinical fact sheet, G2): measure again."""

    code = "implausible-value"
    title = "这个数值不太可能，请重新测量后再填写"


class TaskClosed(DomainError):
    code = "task-closed"
    title = "这项任务已经结束"


class AlertClosed(DomainError):
    code = "alert-closed"
    title = "这条预警已经处理完毕"


class MessageSettled(DomainError):
    """Of a message that another system sent: somebody or something was faster."""

    code = "message-settled"
    title = "这条消息的状态已经改变，请刷新后再看"


class MayHaveArrived(DomainError):
    """A call for the message broke off: whoever sends it again must say why."""

    code = "may-have-arrived"
    title = "这条消息可能已经送达。确认要再发一次，请写明原因"


class MessageTooOld(DomainError):
    code = "message-too-old"
    title = "这条消息已经过了有效期，不能再发"


class InvalidAnswers(DomainError):
    """`problems` names each question by its link id and says what is wrong, in Chinese."""

    code = "invalid-answers"
    title = "有的问题还没有答好"

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(self.code)
        self.problems = problems


class NotATarget(DomainError):
    """A code that cannot stand for a term of its kind; `title` says what is wrong with it."""

    code = "not-a-target"
    title = "这个标准代码不能用"

    def __init__(self, title: str) -> None:
        super().__init__(self.code)
        self.title = title


class DeliveryFailed(Exception):
    """A platform did not take a message; see `messaging.Failure`."""


class ApprovalRefused(DomainError):
    """The signer is unknown, inactive, or of a role that may not sign this kind."""

    code = "approval-refused"
    title = "这类申请需要有权限的医护人员签署"


class DocumentUnderWay(DomainError):
    """What may have reached the other system can no longer be taken back here."""

    code = "document-under-way"
    title = "申请已经发出，不能在这里撤回"
