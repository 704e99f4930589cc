"""Messages inside the mini-program."""

from typing import Any

from app.services.outreach.inbox import mark_opened, messages_of
from miniprogram_api.doors import blueprint, for_wechat_users, open_record
from miniprogram_api.schemas import InboxOut, InboxQuery, NothingIn

inbox = blueprint("inbox")


@inbox.get("/patients/<id:patient>/inbox")
@for_wechat_users
@inbox.input(InboxQuery, location="query", arg_name="query", unknown=None)
@inbox.output(InboxOut)
def list_messages(patient: str, query: dict[str, Any]) -> dict[str, Any]:
    """List messages, newest first; `next` goes into `after`"""
    with open_record(patient, "read", "communication") as opened:
        found, last = messages_of(opened.session, opened.patient_id, query["after"], opened.now)
    return {"messages": found, "next": last}


@inbox.post("/patients/<id:patient>/inbox/<id:message>/read")
@for_wechat_users
@inbox.input(NothingIn, arg_name="body")
@inbox.output({}, status_code=204)
def open_message(patient: str, message: str, body: dict[str, Any]) -> str:
    """Note that a message has been opened"""
    with open_record(patient, "update", "communication") as opened:
        mark_opened(opened.session, opened.patient_id, message, opened.now)
    return ""
