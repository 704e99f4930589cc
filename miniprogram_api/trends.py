"""How one value has gone: points for a chart, and one sentence for everyone."""

from typing import Any

from app.services.profile.measurement_history import Trend, trend_of
from miniprogram_api.doors import blueprint, for_wechat_users, open_record
from miniprogram_api.schemas import TrendOut, TrendQuery

trends = blueprint("trends")


@trends.get("/patients/<id:patient>/trends")
@for_wechat_users
@trends.input(TrendQuery, location="query", arg_name="query", unknown=None)
@trends.output(TrendOut)
def read_trend(patient: str, query: dict[str, Any]) -> Trend:
    """Read the values of the last days, oldest first, and what they come to in words"""
    with open_record(patient, "read", "observation") as opened:
        return trend_of(opened.session, opened.patient_id, now=opened.now, **query)
