"""What a person is asked to agree to, word for word; a changed text is a new version.

Separate consent for health data and for a child under 14: 个人信息保护法 29 and 31.
"""

import hashlib
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

# 个人信息保护法 31: below this age a guardian decides.
GUARDIAN_UNTIL_AGE: Final = 14


class ConsentPurpose(StrEnum):
    HEALTH_DATA = "health-data"
    GUARDIAN = "guardian"
    MESSAGES = "messages"  # of any kind
    PICKUP_BY_PROXY = "pickup-by-proxy"  # each time anew
    REMINDERS = "reminders"
    EDUCATION = "health-education"
    SURVEYS = "surveys"


@dataclass(frozen=True, slots=True)
class ConsentText:
    """The words shown for one purpose, in one version."""

    purpose: ConsentPurpose
    version: str
    title: str
    text: str

    @property
    def digest(self) -> bytes:
        """SHA-256 of the words, kept beside each yes or no."""
        return hashlib.sha256(f"{self.title}\n{self.text}".encode()).digest()


CURRENT_TEXTS: Final = {
    text.purpose: text
    for text in (
        ConsentText(
            ConsentPurpose.HEALTH_DATA,
            "2026-05",
            "使用健康信息",
            "为了在出院后继续照顾您，我们会保存您在医院的诊断和检查，以及您在这里填写的测量结果和问卷。"
            "只有照顾您的医生护士、您自己和您允许的家人能看到。数据保存在本医院，不会卖给任何人。"
            "您可以随时在“我的”里撤回同意，撤回后我们不再收集新的信息，也不影响您看病。",
        ),
        ConsentText(
            ConsentPurpose.GUARDIAN,
            "2026-05",
            "监护人同意",
            "孩子未满14周岁，需要由父母或其他监护人决定。您确认自己是孩子的监护人，"
            "同意我们按“使用健康信息”的说明保存和使用孩子的健康信息，并由您代孩子填写。"
            "您可以随时撤回。孩子满14周岁后，我们会重新征求意见。",
        ),
        ConsentText(
            ConsentPurpose.MESSAGES,
            "2026-05",
            "接收提醒",
            "我们会通过微信或短信提醒您测量、用药、填写问卷和复诊。提醒里不写病情，"
            "晚上9点到早上8点不打扰。您可以随时关闭，关闭后仍可在这里查看。",
        ),
        ConsentText(
            ConsentPurpose.PICKUP_BY_PROXY,
            "2026-11",
            "请人代取药",
            "您同意由您填写的这位代取人，凭取药码和本人身份证件，到本院代您领取这一次的药，"
            "并同意我们把代取人的姓名、电话和证件后四位交给医院药房核对。取药码只能用一次，过期作废。"
            "您确认已告诉代取人并得到他的同意。",
        ),
        ConsentText(
            ConsentPurpose.REMINDERS,
            "2026-11",
            "任务提醒",
            "到了该测量、用药、复诊的时候，我们会提醒您。关闭后不再提醒，"
            "任务仍在“今天”里；关系到安全的健康提醒照常发送。",
        ),
        ConsentText(
            ConsentPurpose.EDUCATION,
            "2026-11",
            "健康知识",
            "我们会按您的情况发送健康知识。关闭后不再发送，仍可在“消息”里查看。",
        ),
        ConsentText(
            ConsentPurpose.SURVEYS,
            "2026-11",
            "问卷邀请",
            "我们会请您填写病情问卷和满意度问卷。关闭后不再邀请，问卷仍在“今天”里。",
        ),
    )
}


def completed_years(birth_on: date, today: date) -> int:
    """Return the age; someone born on 29 February is a year older on 1 March."""
    had_birthday = (today.month, today.day) >= (birth_on.month, birth_on.day)
    return today.year - birth_on.year - (0 if had_birthday else 1)


def needs_guardian(birth_on: date | None, today: date) -> bool:
    """Tell whether a guardian must agree; someone of unknown age is taken for an adult."""
    return birth_on is not None and completed_years(birth_on, today) < GUARDIAN_UNTIL_AGE
