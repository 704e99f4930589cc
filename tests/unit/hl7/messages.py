"""Messages of our own to test with; no patient in them exists."""

from app.integrations.hl7.source import Source

HIS = Source("his")


def message(
    *segments: str, kind: str, control_id: str = "C1", charset: str = "", **header: str
) -> bytes:
    """Return a message of 演示医院's record system, CR after each segment."""
    application, facility = header.get("application", "HIS"), header.get("facility", "YSYY")
    sent = header.get("sent", "20260504090000")
    route = f"{application}|{facility}|CARE|YSYY"
    msh = f"MSH|^~\\&|{route}|{sent}||{kind}|{control_id}|P|2.4||||||{charset}"
    return "".join(f"{segment}\r" for segment in (msh, *segments)).encode()


PID = (
    "PID|1||80001^^^HIS^MR~99010119700101001X^^^GA^NI||李测试||19700101|M"
    "|||演示路1号^^演示市||12100000001"
)
PV1 = "PV1|1|I|NEI^0301^05^YSYY^^^^^内分泌科||||D7^演示医生||||||||||||ZY900001"
OBR = "OBR|1|P1|F1|GLU^血糖^L|||20260504063000|||||||||||||||20260504083000||LAB|F"


def admission(**header: str) -> bytes:
    return message("EVN|A01|20260504090000", PID, PV1, kind="ADT^A01^ADT_A01", **header)


def result(*observations: str, **header: str) -> bytes:
    return message(PID, PV1, OBR, *observations, kind="ORU^R01^ORU_R01", **header)
