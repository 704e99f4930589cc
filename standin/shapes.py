"""The request bodies of the endpoints, as data (limits: the platforms' pages on each call)."""

from standin.checks import Items, Number, Record, Shape, Table, Text, Truth

NAME = Text(least=1)
FLAG = Number(least=0, most=1)

STABLE_TOKEN = Record(
    {"grant_type": NAME, "appid": NAME, "secret": NAME}, {"force_refresh": Truth()}
)

PHONE_NUMBER = Record({"code": NAME}, {"openid": Text()})

# 发送订阅消息
SUBSCRIBE_SEND = Record(
    {
        "touser": Text(),
        "template_id": Text(),
        "data": Table(Record({"value": Text()})),
    },
    {
        "page": Text(),
        "miniprogram_state": Text(choices=("developer", "trial", "formal")),
        "lang": Text(choices=("zh_CN", "en_US", "zh_HK", "zh_TW")),
    },
)

# 发送模板消息
TEMPLATE_SEND = Record(
    {
        "touser": Text(),
        "template_id": Text(),
        "data": Table(Record({"value": Text()}, {"color": Text()})),
    },
    {
        "url": Text(),
        "miniprogram": Record({"appid": NAME}, {"pagepath": Text()}),
        "client_msg_id": Text(),
    },
)

_LINK: dict[str, Shape] = {"url": Text(), "appid": Text(), "pagepath": Text()}
_TITLED: dict[str, Shape] = {"title": Text(max_chars=36), "desc": Text(max_chars=44)}
_TASK_ID = Text(max_bytes=128, pattern=r"[0-9A-Za-z_\-@]+")
_OPTION = Record({"id": Text(max_bytes=128, least=1), "text": Text(max_chars=16, least=1)})
_CHOICE = Record(
    {"id": Text(max_bytes=128, least=1), "text": Text(max_chars=17, least=1)},
    {"is_checked": Truth(), "disable": Truth()},
)

_SELECTION = Record(
    {"question_key": Text(max_bytes=1024, least=1), "option_list": Items(_OPTION, 10, 1)},
    {"title": Text(max_chars=13), "selected_id": Text(max_bytes=128), "disable": Truth()},
)

# 模板卡片类型: the parts, whichever card they stand in
CARD_PARTS: dict[str, Shape] = {
    "task_id": _TASK_ID,
    "source": Record(
        {},
        {
            "icon_url": Text(),
            "desc": Text(max_chars=20),
            "desc_color": Number(least=0, most=3),
        },
    ),
    "action_menu": Record(
        {
            "action_list": Items(
                Record({"text": NAME, "key": Text(max_bytes=1024, least=1)}), most=3, least=1
            )
        },
        {"desc": Text()},
    ),
    "main_title": Record({}, _TITLED),
    "sub_title_text": Text(max_chars=160),
    "emphasis_content": Record({}, {"title": Text(max_chars=14), "desc": Text(max_chars=22)}),
    "quote_area": Record(
        {},
        {**_LINK, "type": Number(least=0, most=2), "title": Text(), "quote_text": Text()},
    ),
    "horizontal_content_list": Items(
        Record(
            {"keyname": Text(max_chars=5, least=1)},
            {
                "value": Text(max_chars=30),
                "type": Number(least=0, most=3),
                "url": Text(),
                "media_id": Text(),
                "userid": Text(),
            },
        ),
        most=6,
    ),
    "vertical_content_list": Items(Record({"title": NAME}, {"desc": Text()}), most=4),
    "jump_list": Items(
        Record({"title": Text(max_chars=18, least=1)}, {**_LINK, "type": Number(least=0, most=2)}),
        most=3,
    ),
    "card_action": Record({"type": Number(least=0, most=2)}, _LINK),
    "card_image": Record({"url": NAME}, {"aspect_ratio": Number(1.3, 2.25, decimals=True)}),
    "button_selection": _SELECTION,
    "button_list": Items(
        Record(
            {"text": Text(max_chars=10, least=1)},
            {
                "style": Number(least=1, most=4),
                "key": Text(max_bytes=1024, least=1),
                "type": FLAG,
                "url": Text(),
            },
        ),
        most=6,
        least=1,
    ),
    "checkbox": Record(
        {"question_key": Text(max_bytes=1024, least=1), "option_list": Items(_CHOICE, 20, 1)},
        {"mode": FLAG, "disable": Truth()},
    ),
    "select_list": Items(_SELECTION, most=3, least=1),
    "submit_button": Record({"text": Text(max_chars=10, least=1), "key": NAME}),
    "replace_text": Text(),
}

CARD_TYPES = (
    "text_notice",
    "news_notice",
    "button_interaction",
    "vote_interaction",
    "multiple_interaction",
)
_CARD_TYPE: dict[str, Shape] = {"card_type": Text(choices=CARD_TYPES)}
# What each kind of card cannot do without.
CARD_NEEDS: dict[str, tuple[str, ...]] = {
    "text_notice": ("card_action",),
    "news_notice": ("card_action", "main_title", "card_image"),
    "button_interaction": ("main_title", "button_list", "task_id"),
    "vote_interaction": ("main_title", "checkbox", "submit_button", "task_id"),
    "multiple_interaction": ("main_title", "select_list", "submit_button", "task_id"),
}

# 发送应用消息: the object of each msgtype that is played here
MESSAGE_PARTS: dict[str, Shape] = {
    "text": Record({"content": Text()}),
    "textcard": Record(
        {"title": NAME, "description": NAME, "url": NAME}, {"btntxt": Text(max_chars=4)}
    ),
    "markdown": Record({"content": Text()}),
    "template_card": Record(_CARD_TYPE, CARD_PARTS),
}

MESSAGE_SEND = Record(
    {"msgtype": NAME, "agentid": Number()},
    {
        "touser": Text(),
        "toparty": Text(),
        "totag": Text(),
        "safe": FLAG,
        "enable_id_trans": FLAG,
        "enable_duplicate_check": FLAG,
        "duplicate_check_interval": Number(least=0, most=14400),
        **MESSAGE_PARTS,
    },
)

# 更新模版卡片消息
UPDATE_CARD = Record(
    {"agentid": Number(), "response_code": NAME},
    {
        "userids": Items(Text(), most=1000),
        "partyids": Items(Number(), most=100),
        "tagids": Items(Number(), most=100),
        "atall": FLAG,
        "button": Record({"replace_name": NAME}, {"task_id": Text()}),
        "template_card": Record(_CARD_TYPE, CARD_PARTS),
        "enable_id_trans": FLAG,
    },
)
