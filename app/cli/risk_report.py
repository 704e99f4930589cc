"""A model's report in words and tables, for who has to decide on it."""

from collections.abc import Iterator
from typing import Any, Final

_SPLITS: Final = {
    "time": "按时间先后（用过去学，用之后的验）",
    "hash": "没有时间列，按固定种子随机分（不能说明对以后的病人同样有效）",
}
_PARTS: Final = {"train": "训练", "calibrate": "校准", "test": "检验"}
_OUTCOMES: Final = {"loss-to-follow-up": "失访", "readmission": "再入院"}


def told(name: str, report: dict[str, Any], *, is_active: bool) -> Iterator[str]:
    """Yield the lines of a report."""
    auc, calibration = report["auc"], report["calibration"]
    yield f"模型 {name}（{'启用中' if is_active else '未启用'}）"
    yield (
        f"结局：{_OUTCOMES.get(report['outcome'], report['outcome'])}；"
        f"{report['n']} 例，其中结局 {report['events']} 例；参数 {report['parameters']} 个"
    )
    yield f"分法：{_SPLITS[report['split']['by']]}"
    for part, one in report["split"]["parts"].items():
        yield f"  {_PARTS[part]}：{one['n']} 例，结局 {one['events']} 例"
    for column, why in report["dropped"].items():
        yield f"  未用的列 {column}：{why}"
    yield (
        f"AUC {auc['value']:.3f}（95% 区间 {auc['low']:.3f}–{auc['high']:.3f}，"
        f"自助法 {report['bootstraps']} 次）"
    )
    yield (
        f"校准：斜率 {calibration['slope']:.2f}，截距 {calibration['intercept']:+.2f}；"
        f"预测 {calibration['foretold']:.1%}，实际 {calibration['seen']:.1%}；"
        f"Brier {calibration['brier']:.3f}（{report['calibrated_by']}）"
    )
    baseline = report.get("baseline")
    if baseline:
        gained = baseline["difference"]
        yield (
            f"对照 {baseline['name']}：AUC {baseline['auc']:.3f}；模型多出 "
            f"{gained['value']:+.3f}（95% 区间 {gained['low']:+.3f} 至 {gained['high']:+.3f}）"
        )
    else:
        yield "对照：没有（用 --baseline-column 指明清单分数或既往次数）"
    yield from _decisions(report["decisions"])
    yield from _subgroups(report["subgroups"])
    yield "影响最大的特征（标准化后的对数优势）："
    for feature, weight in report["strongest"]:
        yield f"  {weight:+.3f}  {feature}"
    if approval := report.get("approval"):
        yield f"批准：{approval['by']}，{approval['at'][:10]}"
    yield "只用于安排先后和多联系，不得用于拒绝号源或服务。"


def _decisions(rows: list[dict[str, float]]) -> Iterator[str]:
    yield "阈值    灵敏度  特异度  阳性预测值  每100人提示"
    for row in rows:
        yield (
            f"{row['threshold']:<6.2f}  {row['sensitivity']:>6.1%}  {row['specificity']:>6.1%}  "
            f"{row['ppv']:>8.1%}  {row['alerts_per_100']:>10.1f}"
        )


def _subgroups(rows: list[dict[str, Any]]) -> Iterator[str]:
    if not rows:
        yield "分组：数据中没有年龄、性别、医保等列"
        return
    yield "分组                  人数    结局   预测    实际    AUC"
    for row in rows:
        auc = "太少" if row["auc"] is None else f"{row['auc']:.3f}"
        yield (
            f"{row['column']}={row['group']:<14}  {row['n']:>6}  {row['events']:>6}  "
            f"{row['foretold']:>6.1%}  {row['seen']:>6.1%}  {auc}"
        )
