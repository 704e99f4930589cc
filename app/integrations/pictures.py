"""Pictures from outside, drawn anew: nothing of the file that came is kept but what is seen."""

import io
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageOps

from app.domain.profile.photos import NotAPhoto, format_of

# The longest side that is kept: a wound fills a screen, and a print of 17 cm at 300 dpi.
LONGEST_SIDE: Final = 2048
# Phones of 2026 take 50 megapixels and send 12; more is a bomb that unpacks in memory.
_MOST_PIXELS: Final = 60_000_000
_QUALITY: Final = 85

_BROKEN: Final = (
    OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG of ours: without place, time, device, thumbnail or colour profile."""

    content: bytes
    width: int
    height: int


def redrawn(content: bytes) -> Picture:
    """Return the picture turned upright, at most `LONGEST_SIDE` wide and high, as a new JPEG.

    Only pixels go over, so what a file carries beside them (EXIF with the place, a second
    picture, a script behind the end) does not.

    :raises NotAPhoto: not a JPEG or PNG, too many pixels, or broken
    """
    kind = format_of(content)
    try:
        with Image.open(io.BytesIO(content), formats=[kind.name]) as opened:
            if opened.width * opened.height > _MOST_PIXELS:
                raise NotAPhoto
            # A JPEG is unpacked no larger than needed.
            opened.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
            upright = ImageOps.exif_transpose(opened)
            upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            plain = Image.new("RGB", upright.size, "white")
            coloured = upright.convert("RGBA")
            plain.paste(coloured, mask=coloured.getchannel("A"))
    except _BROKEN:
        raise NotAPhoto from None
    written = io.BytesIO()
    plain.save(written, "JPEG", quality=_QUALITY)
    return Picture(written.getvalue(), plain.width, plain.height)
