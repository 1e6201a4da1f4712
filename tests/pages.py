"""What tests of the page share."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

HOSTILE = "<img src=x onerror=alert(1)>"
"""The name of a video that would be markup if it were not escaped."""
Open = Callable[..., AbstractContextManager[Any]]
"""Opens a page in a browser: see the fixture ``opened``."""


def see_everything(page: Any) -> None:
    """Scroll through a page slowly enough that every chart is drawn."""
    page.evaluate(
        """async () => {
            for (let y = 0; y < document.body.scrollHeight; y += 400) {
                scrollTo(0, y);
                await new Promise((done) => setTimeout(done, 30));
            }
        }"""
    )
    for chart in page.locator(".chart").all():
        chart.scroll_into_view_if_needed()
        chart.locator(".main-svg").first.wait_for()
