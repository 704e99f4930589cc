"""Photos that patients send: of what, how large, and what their first bytes say they are."""

from enum import StrEnum
from typing import Final

from app.domain.errors import DomainError

# What phones send after WeChat's own compression is 200 kB to 2 MB.
LARGEST: Final = 8 * 1024 * 1024
MOST_A_DAY: Final = 30


class PhotoSubject(StrEnum):
    WOUND = "wound"
    SKIN = "skin"
    MEDICINE = "medicine"
    OTHER = "other"

    @property
    def label(self) -> str:
        return _LABELS[self]


_LABELS: Final = {
    PhotoSubject.WOUND: "伤口",
    PhotoSubject.SKIN: "皮肤",
    PhotoSubject.MEDICINE: "药品",
    PhotoSubject.OTHER: "其他",
}


class PictureFormat(StrEnum):
    JPEG = "image/jpeg"
    PNG = "image/png"


class NotAPhoto(DomainError):
    """What phones show and we cannot read is told apart by words alone."""

    code = "not-a-photo"
    title = "请发送 JPEG 或 PNG 照片（苹果手机：设置－相机－格式，选“兼容性最佳”）"


class TakenInFuture(DomainError):
    code = "taken-in-future"
    title = "拍照时间比现在还晚，请检查手机的日期和时间"


class TooManyPhotos(DomainError):
    code = "too-many-photos"
    title = "今天发的照片太多了，请明天再发，或联系护士"


def format_of(content: bytes) -> PictureFormat:
    """Return what the first bytes say; a name or a header may say anything.

    :raises NotAPhoto: neither JPEG nor PNG; HEIC, WebP and GIF are not taken
    """
    if content.startswith(b"\xff\xd8\xff"):
        return PictureFormat.JPEG
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return PictureFormat.PNG
    raise NotAPhoto
