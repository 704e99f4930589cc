"""What is kept of a picture: what is seen, and nothing that the phone wrote beside it."""

import io

import pytest
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

from app.domain.profile.photos import NotAPhoto, PictureFormat, format_of
from app.integrations.pictures import LONGEST_SIDE, redrawn


def picture(form: str = "JPEG", size: tuple[int, int] = (60, 40), mode: str = "RGB") -> bytes:
    """A picture whose left half is red, with the place it was taken at."""
    image = Image.new(mode, size, "blue")
    image.paste("red", (0, 0, size[0] // 2, size[1]))
    exif = Image.Exif()
    exif[Base.Make.value] = "PHONE-MARKER"
    exif[Base.Orientation.value] = 6  # to be turned by a quarter
    exif.get_ifd(IFD.GPSInfo)[GPS.GPSLatitude] = (30.0, 15.0, 12.0)
    written = io.BytesIO()
    image.save(written, form, exif=exif)
    return written.getvalue()


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_place_time_and_device_are_gone_and_the_picture_stands_upright(form: str) -> None:
    came = picture(form)
    assert opened(came).getexif().get_ifd(IFD.GPSInfo)

    kept = redrawn(came)

    image = opened(kept.content)
    assert (image.format, dict(image.getexif()), image.info.get("icc_profile")) == (
        "JPEG", {}, None,
    )  # fmt: skip
    assert b"PHONE-MARKER" not in kept.content
    assert (kept.width, kept.height) == image.size == (40, 60)
    red, _, blue = image.getpixel((20, 10))  # type: ignore[misc]
    assert red > 200 > blue  # what was left is above now


def test_what_hides_behind_the_end_is_not_kept() -> None:
    kept = redrawn(picture() + b"<script>alert(1)</script>PK\x03\x04")

    assert b"script" not in kept.content


def test_a_large_picture_fits_a_screen() -> None:
    kept = redrawn(picture(size=(5000, 2500)))

    assert max(kept.width, kept.height) == LONGEST_SIDE


def test_what_shines_through_is_white() -> None:
    written = io.BytesIO()
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(written, "PNG")

    assert opened(redrawn(written.getvalue()).content).getpixel((4, 4)) == (255, 255, 255)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"GIF89a", b"\x00\x00\x00\x18ftypheic", b"RIFF\x00\x00\x00\x00WEBP", b"%PDF-1.7",
        b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", picture()[:200], picture("PNG")[:60],
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    ],
)  # fmt: skip
def test_what_is_no_photo_is_refused(content: bytes) -> None:
    with pytest.raises(NotAPhoto):
        redrawn(content)


def test_a_picture_that_unpacks_to_too_much_is_refused_unopened() -> None:
    written = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(written, "PNG")

    with pytest.raises(NotAPhoto):
        redrawn(written.getvalue())


def test_the_first_bytes_say_what_it_is() -> None:
    assert format_of(picture("PNG")) is PictureFormat.PNG
    assert format_of(picture()) is PictureFormat.JPEG
