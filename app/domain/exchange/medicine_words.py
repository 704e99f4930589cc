"""What a patient reads of a refill, a delivery or a pick-up; no drug, no address, no code in it."""

from collections.abc import Mapping
from typing import Final

from app.domain.exchange.medicine_flow import FlowKind, FlowState

# As a list shows it; READY and COMPLETED say something else of each kind.
_LABELS: Final[Mapping[FlowState, str]] = {
    FlowState.REQUESTED: "已提交",
    FlowState.AWAITING_SIGNATURE: "等医生审核",
    FlowState.SIGNED: "医生已同意",
    FlowState.HANDED_OVER: "已交给医院",
    FlowState.ACCEPTED: "医院已受理",
    FlowState.READY: "可以取药",
    FlowState.COMPLETED: "已取药",
    FlowState.REFUSED: "没有办理",
    FlowState.CANCELLED: "已取消",
    FlowState.EXPIRED: "已过期",
}
_DELIVERY_LABELS: Final[Mapping[FlowState, str]] = {
    FlowState.READY: "正在送药",
    FlowState.COMPLETED: "已送到",
}

_NOT_STOP: Final = "请不要自行停药。"
_SENTENCES: Final[Mapping[FlowState, str]] = {
    FlowState.REQUESTED: "您的{kind}申请已提交。",
    FlowState.AWAITING_SIGNATURE: f"您的{{kind}}申请正在等医生审核，审核后会告诉您。{_NOT_STOP}",
    FlowState.SIGNED: "医生同意了您的{kind}申请，正在交给医院。",
    FlowState.HANDED_OVER: "您的{kind}申请已经交给医院，请等医院答复。",
    FlowState.ACCEPTED: "医院受理了您的{kind}申请，备好后会告诉您。",
    FlowState.READY: "药已经备好，可以到医院取药了。请带上就诊卡或身份证。",
    FlowState.COMPLETED: "药已经取走。请核对药名和用法，有疑问请问药师或护理团队。",
    FlowState.REFUSED: f"医院没有办理这次{{kind}}。{_NOT_STOP}"
    "护理团队会与您联系，说明原因和接下来怎么做。",
    FlowState.CANCELLED: f"这次{{kind}}已经取消。{_NOT_STOP}",
    FlowState.EXPIRED: f"这次{{kind}}没有在规定时间内办成，已经结束。{_NOT_STOP}"
    "护理团队会与您联系，您也可以重新申请，或者直接到医院配药。",
}  # fmt: skip
_OF_KIND: Final[Mapping[tuple[FlowKind, FlowState], str]] = {
    (FlowKind.DELIVERY, FlowState.READY): "药已经送出，请保持电话畅通，在约好的时间收药。",
    (FlowKind.DELIVERY, FlowState.COMPLETED): (
        "药已经送到。请当面核对药名和数量，有不对的地方请马上联系医院。"
    ),
    (FlowKind.PICKUP, FlowState.READY): (
        "药已经备好。请把取药码告诉代您取药的人，他要带本人身份证件。取药码过期就不能用了。"
    ),
}

CANCEL_REFUSED: Final = "医院没有同意取消这次{kind}，它还在继续办理。护理团队会与您联系。"

# What is said at once on the phone, and only noted down in the inbox for later.
QUIET: Final = frozenset(
    {
        FlowState.REQUESTED,
        FlowState.AWAITING_SIGNATURE,
        FlowState.SIGNED,
        FlowState.HANDED_OVER,
    }
)


def label(kind: FlowKind, state: FlowState) -> str:
    if kind is FlowKind.DELIVERY and state in _DELIVERY_LABELS:
        return _DELIVERY_LABELS[state]
    return _LABELS[state]


def sentence(kind: FlowKind, state: FlowState) -> str:
    """Return what the patient is told when a flow comes to `state`."""
    return _OF_KIND.get((kind, state), _SENTENCES[state]).format(kind=kind.label)
