"""Chinese words of the pages 患者 and 患者 360°."""

from typing import Final

from app.services.profile.patient_search import FoundBy
from app.web import patient_words
from app.web.patient_words import ENTRY_KINDS as ENTRY_KINDS
from app.web.patient_words import PREFERENCES as PREFERENCES
from app.web.patient_words import REACHES as REACHES
from app.web.patient_words import TAG_CLASSES as TAG_CLASSES
from app.web.patient_words import age as age
from app.web.patient_words import anchor as anchor
from app.web.patient_words import coverage as coverage
from app.web.patient_words import dose as dose
from app.web.patient_words import entry as entry
from app.web.patient_words import entry_kind as entry_kind
from app.web.patient_words import gender as gender
from app.web.patient_words import grounds as grounds
from app.web.patient_words import number as number
from app.web.patient_words import preference as preference
from app.web.patient_words import risk as risk
from app.web.patient_words import tag_marks as tag_marks

FOUND_BY: Final = {
    FoundBy.PHONE: "手机号", FoundBy.NUMBER: "病历号", FoundBy.NAME: "姓名",
}  # fmt: skip
REPORTERS: Final = {"patient": "本人发来", "family": "家属发来"}
CONSENTS: Final = patient_words.CONSENTS
GRADES: Final = {"severe": "bad", "moderate": "watch", "mild": "off"}
STATED_BY: Final = {"patient": "本人", "staff": "医护", "hospital": "医院系统", "text": "文本"}
TAG_NOTICES: Final = {
    "given": "已加上标签，系统不会自动去掉。",
    "taken": "已去掉标签，系统不会再自动加上。",
    "undone": "已撤销上一次人工操作。",
    "stated": "已记录生活情况。",
}
