"""A page held against axe, its own width and the size of a finger, at each width it is made for."""

from collections.abc import Callable

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
FINGER = 44  # CSS pixels

_SMALL = """target => [...document.querySelectorAll("a[href], button, summary, .choice, input")]
  .filter(one => one.checkVisibility() && one.type !== "hidden"
                 && !one.matches(".skip, .choice input, p > a:not(.button)"))
  .map(one => [one.textContent.trim().slice(0, 20), one.getBoundingClientRect()])
  .filter(([, box]) => box.height < target - 0.5 || box.width < target - 0.5)
  .map(([text, box]) => `${text} ${box.width}x${box.height}`)"""


def sound_at(*widths: int, target: int | None = None) -> Callable[[Page], None]:
    """Return a check of a page at `widths` in CSS pixels; the page keeps its size and its state.

    What a person does is tried at one width; how it looks at the others needs no second visit.
    axe looks at the narrowest and the widest: what shows between them shows in one of the two.
    """

    def check(page: Page) -> None:
        kept = page.viewport_size
        assert kept is not None
        for width in widths:
            page.set_viewport_size({"width": width, "height": kept["height"]})
            if width in (widths[0], widths[-1]):
                result = Axe().run(page, options={"runOnly": WCAG, "resultTypes": ["violations"]})
                assert result.violations_count == 0, f"at {width}: {result.generate_report()}"
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{wide} px wider than a window of {width}"
            if target is not None:
                assert page.evaluate(_SMALL, target) == [], f"at {width}"
        page.set_viewport_size(kept)

    return check
