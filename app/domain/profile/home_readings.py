"""How a reading at home is taken where no plan and no rule says: limits, and fixed words."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from app.domain.profile.vital_signs import Interpretation, Limits, VitalSign

# For patients without a plan that sets limits: 中国2型糖尿病防治指南, as in the diabetes pack.
# What has no default is kept without an interpretation rather than called normal.
DEFAULT_LIMITS: Final[Mapping[VitalSign, Limits]] = {
    VitalSign.GLUCOSE: Limits(
        critically_low=Decimal("3.0"),
        low=Decimal("3.9"),
        high=Decimal("10.0"),
        critically_high=Decimal("16.7"),
    )
}

_CALL = "请马上联系医生；人糊涂或很难受时，立即打120。"

# What the patient reads where no rule of a pack speaks of the value; severe words name 120 (G5).
FIXED_WORDS: Final[Mapping[Interpretation | None, str]] = {
    None: "已记录。",
    Interpretation.NORMAL: "已记录，在合适的范围内。",
    Interpretation.LOW: "已记录，这个数值偏低。请过一会儿再测一次；不舒服请联系医生护士。",
    Interpretation.HIGH: "已记录，这个数值偏高。请按医嘱用药，按时再测；不舒服请联系医生护士。",
    Interpretation.CRITICALLY_LOW: f"这个数值很低，可能有危险。{_CALL}",
    Interpretation.CRITICALLY_HIGH: f"这个数值很高，可能有危险。{_CALL}",
}
LATE_WORDS: Final = "已记录。这是一天以前的测量，请按现在的情况再测一次。"
