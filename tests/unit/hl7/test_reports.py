"""Reports and documents as a whole."""

from datetime import UTC, datetime

import pytest

from app.domain.intake.clinical_records import ReportStatus
from app.domain.intake.hospital_message import EventKind
from app.domain.intake.hospital_records import Coded, Identifier, ObservationKey
from app.integrations.hl7.interpret import interpret
from tests.unit.hl7.messages import HIS, OBR, PID, PV1, result
from tests.unit.hl7.reading import read

TXA = "TXA|1|DS^出院小结|TX|20260504083000|||20260504093000|||||DOC7"
LINES = ("OBX|1|TX|CD^出院小结^L||第一行||||||F", "OBX|2|TX|CD^出院小结^L||第二行||||||F")


def test_a_laboratory_report_lists_its_results() -> None:
    (report,) = interpret(
        result("OBX|1|NM|GLU^葡萄糖^L||2.8|mmol/L", "OBX|2|NM|K^钾^L||4.1|mmol/L"), HIS
    ).reports

    assert (report.number, report.code) == ("F1", Coded("GLU", "血糖", "L"))
    assert (report.status, report.category) == (ReportStatus.FINAL, "LAB")
    assert report.conclusion == ""
    assert report.effective_at == datetime(2026, 5, 3, 22, 30, tzinfo=UTC)
    assert report.issued_at == datetime(2026, 5, 4, 0, 30, tzinfo=UTC)
    assert report.visit == Identifier("YSYY", "VN", "ZY900001")
    assert report.results == (ObservationKey("F1", "GLU", ""), ObservationKey("F1", "K", ""))


def test_each_order_is_a_report_of_its_own() -> None:
    other = "OBR|2|P2|F2|BLD^血常规^L" + "|" * 21 + "P"

    told = read(
        PID, OBR, "OBX|1|NM|GLU^g||5", other, "OBX|1|NM|WBC^w||6", "NTE|1||溶血", kind="ORU^R01"
    )

    assert [(r.number, r.status, len(r.results)) for r in told.reports] == [
        ("F1", ReportStatus.FINAL, 1),
        ("F2", ReportStatus.PRELIMINARY, 1),
    ]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("O", ReportStatus.REGISTERED),
        ("A", ReportStatus.PARTIAL),
        ("P", ReportStatus.PRELIMINARY),
        ("C", ReportStatus.CORRECTED),
        ("X", ReportStatus.CANCELLED),
        ("", ReportStatus.CORRECTED),
    ],
)
def test_a_report_without_a_status_is_as_far_as_its_results(
    sent: str, status: ReportStatus
) -> None:
    obr = f"OBR|1|P1|F1|GLU^g{'|' * 21}{sent}"

    (report,) = read(
        PID, obr, "OBX|1|NM|A^a||5||||||F", "OBX|2|NM|B^b||5||||||C", kind="ORU^R01"
    ).reports

    assert report.status is status


def test_a_report_of_text_concludes_with_it() -> None:
    obr = f"OBR|1|P1|F1|CT^胸部CT{'|' * 20}RAD|F"

    told = read(
        PID, obr, "OBX|1|FT|SEE^检查所见||两肺纹理清", "OBX|2|FT|IMP^检查结论||未见异常",
        kind="ORU^R01",
    )  # fmt: skip
    plain = read(PID, obr, "OBX|1|TX|T^报告||第一行~第二行", "NTE|1||请复查", kind="ORU^R01")

    assert told.reports[0].conclusion == "未见异常"
    assert plain.reports[0].conclusion == "第一行\n第二行"


@pytest.mark.parametrize("code", ["1&IMP^x", "19005-8^影像^LN", "Z9^诊断意见"])
def test_the_conclusion_is_marked_among_numbers(code: str) -> None:
    (report,) = interpret(
        result("OBX|1|NM|EF^射血分数||60|%", f"OBX|2|TX|{code}||心功能正常", "OBX|3|TX|2^y||其他"),
        HIS,
    ).reports

    assert report.conclusion == "心功能正常"


def test_notes_behind_the_order_conclude_too() -> None:
    (report,) = read(PID, OBR, "NTE|1||标本溶血", "OBX|1|NM|K^k||4.1", kind="ORU^R01").reports

    assert report.conclusion == "标本溶血"


def test_a_document_is_a_report_and_one_result_of_its_lines() -> None:
    told = read(PID, PV1, TXA, *LINES, kind="MDM^T02")

    (document,), (report,) = told.observations, told.reports
    assert told.event is EventKind.RESULT
    assert document.key.order == report.number == "DOC7"
    assert document.value == report.conclusion == "第一行\n第二行"
    assert document.effective_at == datetime(2026, 5, 4, 0, 30, tzinfo=UTC)
    assert (report.code, report.category) == (Coded("CD", "出院小结", "L"), "DS")
    assert report.status is ReportStatus.FINAL
    assert report.issued_at == datetime(2026, 5, 4, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("trigger", "completion", "status"),
    [
        ("T01", "", ReportStatus.FINAL),
        ("T02", "IN", ReportStatus.PRELIMINARY),
        ("T02", "LA", ReportStatus.FINAL),
        ("T04", "AU", ReportStatus.FINAL),
        ("T06", "AU", ReportStatus.APPENDED),
        ("T08", "AU", ReportStatus.CORRECTED),
        ("T11", "AU", ReportStatus.ENTERED_IN_ERROR),
    ],
)
def test_what_became_of_a_document(trigger: str, completion: str, status: ReportStatus) -> None:
    txa = f"{TXA}|||||{completion}"

    (report,) = read(PID, txa, kind=f"MDM^{trigger}").reports

    assert report.status is status


def test_a_replaced_document_is_taken_back() -> None:
    told = read(PID, f"{TXA}|DOC6", *LINES, kind="MDM^T10")

    assert [(r.number, r.status) for r in told.reports] == [
        ("DOC7", ReportStatus.CORRECTED),
        ("DOC6", ReportStatus.ENTERED_IN_ERROR),
    ]
