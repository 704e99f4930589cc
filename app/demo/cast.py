"""Who and what the synthetic hospital always has: departments, staff, the people of the demo."""

from dataclasses import dataclass
from typing import Final

from app.domain.staff.alert_clock import Responder
from app.domain.trust.access import Relation, StaffRole
from app.models import Gender

CORP_ID: Final = "ww0000000000demo00"
MINI_PROGRAM: Final = "patient"  # our short names for the apps, see settings
OFFICIAL_ACCOUNT: Final = "service"
STAFF_APP: Final = "nurse"
ISSUER: Final = "YSYY"  # 演示医院, as its messages say
TASK_TEMPLATE: Final = "demo-task-reminder"
ALERT_TEMPLATE: Final = "demo-alert-notice"
TEMPLATES: Final = (TASK_TEMPLATE, ALERT_TEMPLATE)


@dataclass(frozen=True, slots=True)
class Ward:
    """A department; `diagnoses` are ICD-10 code and words of what it mostly sees."""

    code: str
    name: str
    diagnoses: tuple[tuple[str, str], ...]


ENDOCRINOLOGY: Final = "ENDO"
WARDS: Final = (
    Ward(ENDOCRINOLOGY, "内分泌科", (("E11.9", "2型糖尿病"), ("E11.4", "2型糖尿病伴神经病变"))),
    Ward("CARD", "心内科", (("I10", "原发性高血压"), ("I50.9", "心力衰竭"), ("I48", "心房颤动"))),
    Ward("RESP", "呼吸科", (("J44.9", "慢性阻塞性肺病"), ("J45.9", "支气管哮喘"))),
    Ward("NEPH", "肾内科", (("N18.3", "慢性肾脏病3期"), ("N04.9", "肾病综合征"))),
    Ward("ORTH", "骨科", (("S72.0", "股骨颈骨折"), ("M17.1", "膝关节骨性关节炎"))),
    Ward("ONCO", "肿瘤科", (("C34.9", "肺恶性肿瘤"), ("C50.9", "乳腺恶性肿瘤"))),
    Ward("OBST", "产科", (("O24.4", "妊娠期糖尿病"), ("Z34.9", "正常妊娠"))),
    Ward(
        "PED", "儿科（含新生儿）", (("P07.3", "早产儿"), ("J18.9", "肺炎"), ("E10.9", "1型糖尿病"))
    ),
)


@dataclass(frozen=True, slots=True)
class Colleague:
    """A member of staff; `userid` is theirs in WeCom, as `wecom_userid` keeps it."""

    userid: str
    name: str
    role: StaffRole
    ward: str | None
    responder: Responder | None


_ROLES: Final = (
    ("nurse", "护", StaffRole.NURSE, Responder.ON_DUTY_NURSE),
    ("doctor", "医", StaffRole.DOCTOR, Responder.ATTENDING_DOCTOR),
    ("head", "护长", StaffRole.HEAD_NURSE, Responder.HEAD_NURSE),
)
_NAMED: Final = {
    "nurse-endo": ("nurse-chen", "陈演示"),
    "doctor-endo": ("doctor-lin", "林演示"),
    "head-endo": ("head-zhou", "周演示"),
}


def _staff() -> tuple[Colleague, ...]:
    surnames = iter("何吕施孔曹严华金魏陶姜戚谢邹喻柏水窦章云苏潘")
    found = []
    for ward in WARDS:
        for post, word, role, responder in _ROLES:
            userid = f"{post}-{ward.code.lower()}"
            userid, name = _NAMED.get(userid) or (userid, f"{next(surnames)}演{word}")
            found.append(Colleague(userid, name, role, ward.code, responder))
    found.append(Colleague("nurse-xu", "许演示", StaffRole.NURSE, ENDOCRINOLOGY, _ROLES[0][3]))
    found.append(Colleague("it-wu", "吴演示", StaffRole.OPERATOR, None, None))
    return tuple(found)


STAFF: Final = _staff()


@dataclass(frozen=True, slots=True)
class Subject:
    """A patient with a story; `discharged` counts days back, None: never on the plan."""

    key: str
    name: str
    gender: Gender
    age: int
    ward: str
    diagnosis: tuple[str, str]
    discharged: int | None = None
    needs: str | None = None


_T2DM: Final = ("E11.9", "2型糖尿病")
LI_AYI: Final = Subject("li", "李演甲", Gender.FEMALE, 63, ENDOCRINOLOGY, _T2DM, 3)
WANG: Final = Subject(
    "wang", "王演乙", Gender.MALE, 58, ENDOCRINOLOGY, _T2DM, 17, "听障，请用文字联系，不要打电话"
)
MOTHER: Final = Subject("mother", "孙演丙", Gender.FEMALE, 33, "OBST", ("O24.4", "妊娠期糖尿病"))
CHILD: Final = Subject("child", "周测丙", Gender.MALE, 4, "PED", ("P07.3", "早产儿"))
FATHER: Final = Subject(
    "father", "赵演丁", Gender.MALE, 81, ENDOCRINOLOGY, _T2DM, 24, "视力差，女儿代为填写"
)
SUBJECTS: Final = (LI_AYI, WANG, MOTHER, CHILD, FATHER)


@dataclass(frozen=True, slots=True)
class Holder:
    """Someone with a phone; `opens` are the patients whose record they may open."""

    handle: str
    words: str
    openid: str
    unionid: str
    opens: tuple[tuple[Subject, Relation], ...]
    is_following: bool = False


HOLDERS: Final = (
    Holder("li-ayi", f"李阿姨，{LI_AYI.age} 岁，2型糖尿病", "oDemoLiAyi", "uDemoLiAyi",
           ((LI_AYI, Relation.SELF),)),
    Holder("wang", "聋人患者 王先生，只用文字联系", "oDemoWang", "uDemoWang",
           ((WANG, Relation.SELF),)),
    Holder("mama", "妈妈 孙女士，替 4 岁的孩子看", "oDemoMama", "uDemoMama",
           ((MOTHER, Relation.SELF), (CHILD, Relation.CHILD)), is_following=True),
    Holder("daughter", "女儿 赵女士，替 81 岁的父亲填写", "oDemoDaughter", "uDemoDaughter",
           ((FATHER, Relation.PARENT),)),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StaffDoor:
    """A member of staff whom a visitor of the demo may be."""

    handle: str
    words: str
    userid: str


STAFF_DOORS: Final = (
    StaffDoor("xiao-chen", "护士 小陈，内分泌科值班", "nurse-chen"),
    StaffDoor("doctor-lin", "林医生，内分泌科主管医生", "doctor-lin"),
    StaffDoor("head-nurse", "护士长 周老师，没人处理的预警会到她这里", "head-zhou"),
)


def holder(handle: str) -> Holder | None:
    return next((one for one in HOLDERS if one.handle == handle), None)


def staff_door(handle: str) -> StaffDoor | None:
    return next((one for one in STAFF_DOORS if one.handle == handle), None)
