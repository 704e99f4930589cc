"""qyapi.weixin.qq.com: contact ways, and the customers who came by them (客户联系)."""

import hashlib
import secrets

from standin.checks import Items, Number, Record, Text, Truth
from standin.errors import Refusal
from standin.gateway import Answer, Call, Endpoint
from standin.qyapi import corp_app, visible_member
from standin.standin import Standin
from standin.world import ContactWay

NO_CUSTOMER = 84061

ADD_CONTACT_WAY = Record(
    {"type": Number(least=1, most=2), "scene": Number(least=1, most=2)},
    {
        "style": Number(least=1, most=3),
        "remark": Text(max_chars=30),
        "skip_verify": Truth(),
        "state": Text(max_chars=30),
        "user": Items(Text(least=1), 100),
    },
)
DEL_CONTACT_WAY = Record({"config_id": Text(least=1)})


def add_contact_way(standin: Standin, call: Call) -> Answer:
    app, body = call.corp_app, call.body
    users = tuple(body.get("user", ()))
    if not users or (body["type"] == 1 and len(users) > 1):
        raise Refusal(40058, "type 1 has one user, type 2 one or more")
    for userid in users:
        visible_member(app.corp, userid, app.agent.agentid)
    config_id = secrets.token_hex(16)
    standin.world.contact_ways[config_id] = ContactWay(
        app.corp.corpid, app.agent.agentid, users, body.get("state", "")
    )
    standin.world.ledger.add("contact_way", config_id=config_id, userid=users[0])
    qr_code = f"https://wework.qpic.cn/standin/{config_id}"
    return {"errcode": 0, "errmsg": "ok", "config_id": config_id, "qr_code": qr_code}


def del_contact_way(standin: Standin, call: Call) -> Answer:
    way = standin.world.contact_ways.get(call.body["config_id"])
    if way is None or way.corpid != call.corp_app.corp.corpid:
        raise Refusal(41044, "contact way not found")
    del standin.world.contact_ways[call.body["config_id"]]
    return {"errcode": 0, "errmsg": "ok"}


def get_customer(standin: Standin, call: Call) -> Answer:
    """externalcontact/get: who it is over all apps of the owner, and by which way they came."""
    external_userid = call.need("external_userid", 40035)
    customer = standin.world.customers.get((call.corp_app.corp.corpid, external_userid))
    if customer is None:
        raise Refusal(NO_CUSTOMER, "not external contact")
    follows = [
        {"userid": userid, "remark": "", "add_way": 1, "state": state}
        for userid, state in customer.follows.items()
    ]
    contact = {
        "external_userid": external_userid, "name": "微信用户", "type": 1,
        "unionid": customer.unionid,
    }  # fmt: skip
    return {"errcode": 0, "errmsg": "ok", "external_contact": contact, "follow_user": follows}


def external_id(corpid: str, unionid: str) -> str:
    """Return the same person's id in one corp, always the same."""
    return "wm" + hashlib.sha256(f"{corpid}:{unionid}".encode()).hexdigest()[:30]


ENDPOINTS = (
    Endpoint(
        "qyapi", "POST", "/cgi-bin/externalcontact/add_contact_way", add_contact_way, corp_app,
        ADD_CONTACT_WAY,
    ),
    Endpoint(
        "qyapi", "POST", "/cgi-bin/externalcontact/del_contact_way", del_contact_way, corp_app,
        DEL_CONTACT_WAY,
    ),
    Endpoint("qyapi", "GET", "/cgi-bin/externalcontact/get", get_customer, corp_app),
)  # fmt: skip
