"""What may be refused about segments."""

from app.domain.definitions import InvalidDefinition
from app.domain.errors import DomainError
from app.domain.segments.complaints import complaint


class InvalidSegment(DomainError):
    """Criteria that cannot be read; `path` names the part, `title` says what is wrong with it."""

    code = "invalid-segment"
    title = "条件还没有写对"

    def __init__(self, path: str, title: str) -> None:
        super().__init__(self.code)
        self.path = path
        self.title = title

    @classmethod
    def of(cls, error: InvalidDefinition) -> "InvalidSegment":
        return cls(error.path, complaint(error))


class SegmentNameTaken(DomainError):
    code = "segment-name-taken"
    title = "这个名称已经用过，请换一个"


class SegmentChanged(DomainError):
    """Somebody saved it since it was opened; nothing of either is lost."""

    code = "segment-changed"
    title = "您打开之后，别人改过这个人群，所以没有保存。您填的内容都还在下面"


class NotYourSegment(DomainError):
    code = "not-your-segment"
    title = "这个人群由别人维护，您可以另存为新的人群"


class TooSlow(DomainError):
    code = "too-slow"
    title = "这组条件算得太久，已经停下。请把范围收窄一些再试"
