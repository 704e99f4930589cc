"""When a locally trained model may be used: every bound once, every refusal in a sentence.

Bounds: at least 200 events and 10 for each parameter to train at all; calibration slope 0.7 to 1.3,
AUC 0.65 and better than the plain list on the same patients (lower end of the 95 % interval of the
paired bootstrap above 0) to be used. Readmission above 0.75 is better than anything honest that was
published on such data: some column probably knows the future.
"""

from collections.abc import Mapping
from typing import Any, Final

LEAST_EVENTS: Final = 200
EVENTS_PER_PARAMETER: Final = 10
LEAST_AUC: Final = 0.65
SUSPICIOUS_AUC: Final = 0.75
SLOPES: Final = (0.7, 1.3)
READMISSION: Final = "readmission"


def too_few(events: int, others: int, events_to_train: int, parameters: int) -> str | None:
    """Say why there is not enough to train on; the rarer of the two outcomes counts."""
    rarer = min(events, others)
    if rarer < LEAST_EVENTS:
        return f"只有 {rarer} 例较少的一类结局，至少要 {LEAST_EVENTS} 例才训练"
    least = EVENTS_PER_PARAMETER * parameters
    if events_to_train < least:
        return (
            f"训练部分有 {events_to_train} 例结局，模型有 {parameters} 个参数，"
            f"每个参数至少 {EVENTS_PER_PARAMETER} 例（共 {least}）才训练"
        )
    return None


def refusals(report: Mapping[str, Any]) -> tuple[str, ...]:
    """Return every reason why the model of this report may not be used; none means it may."""
    found = []
    auc, slope = report["auc"]["value"], report["calibration"]["slope"]
    least, most = SLOPES
    if auc < LEAST_AUC:
        found.append(f"AUC {auc:.3f} 低于 {LEAST_AUC}，区分能力不足")
    if not least <= slope <= most:
        found.append(f"校准斜率 {slope:.2f} 不在 {least}–{most} 之间，概率不可信")
    baseline = report.get("baseline")
    if baseline is None:
        found.append("没有对照清单可比，无法说明比清单好")
    elif baseline["difference"]["low"] <= 0:
        gained = baseline["difference"]
        found.append(
            f"不比对照清单（{baseline['name']}，AUC {baseline['auc']:.3f}）好："
            f"差值 {gained['value']:+.3f}，95% 区间 {gained['low']:+.3f} 至 {gained['high']:+.3f}"
        )
    if report["outcome"] == READMISSION and auc > SUSPICIOUS_AUC:
        found.append(f"再入院 AUC {auc:.3f} 高于 {SUSPICIOUS_AUC}，可能有列泄露了结局，请先核对")
    return tuple(found)
