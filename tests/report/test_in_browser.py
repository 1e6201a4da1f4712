"""The page in a real browser: silent, offline, by pointer and keys, light and dark, on a phone and on paper."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from pages import HOSTILE, Open, see_everything
from scored import write_run

from pixelkit.artifacts import RunFolder, RunRecord
from pixelkit.report.compare import write_comparison
from pixelkit.report.report import write_report
from pixelkit.report.scored_run import read_run
from pixelkit.scores.table import ScoreTable

PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
FIRST = '.timeline[data-video="0"]'


def ready(page: Any) -> None:
    """Wait until the first timeline is drawn."""
    page.locator(f"{FIRST} .chart").scroll_into_view_if_needed()
    page.locator(f"{FIRST} .main-svg").first.wait_for()


def place(page: Any, part: float) -> tuple[float, float]:
    """Return where on the window a part of the first timeline's width is."""
    slider = page.locator(f"{FIRST} .slider")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    left, right = 118, 8  # the margins of the chart
    return box["x"] + left + part * (box["width"] - left - right), box["y"] + 60


def point_at(page: Any, part: float) -> None:
    """Move the pointer over the first timeline to a part of its width."""
    page.mouse.move(*place(page, part))


def shown(page: Any) -> dict[str, Any]:
    """Return what the first timeline shows."""
    slider = page.locator(f"{FIRST} .slider")
    return {
        "at": int(slider.get_attribute("aria-valuenow")),
        "words": slider.get_attribute("aria-valuetext"),
        "picture": page.locator(f"{FIRST} .picture img").get_attribute("src"),
        "title": page.locator(f"{FIRST} .readout b").inner_text(),
    }


def test_every_chart_is_drawn_in_silence_and_without_the_network(page: Any) -> None:
    see_everything(page)
    assert page.locator(".chart .main-svg").count() >= 9
    assert page.title() == "street: pixelkit report"


def test_pointing_shows_the_frame_and_its_scores(page: Any) -> None:
    ready(page)
    point_at(page, 0.0)
    first = shown(page)
    assert first["at"] == 1
    assert first["title"].startswith("Frame 7 ·")
    point_at(page, 1.0)
    last = shown(page)
    assert last["at"] == 23
    assert last["title"].startswith("Frame 49 ·")
    assert last["picture"] != first["picture"]
    width = page.locator(f"{FIRST} .picture img").evaluate(
        "async (image) => (await image.decode(), image.naturalWidth)"
    )
    assert width == 128


def test_keys_step_through_a_video_and_say_where_they_are(page: Any) -> None:
    ready(page)
    page.locator(f"{FIRST} .slider").focus()
    page.keyboard.press("Home")
    assert shown(page)["words"].startswith("frame 7, fused score")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    words = shown(page)["words"]
    assert words.startswith("frame 9,")
    assert "turned" in words
    page.keyboard.press("ArrowLeft")
    assert shown(page)["at"] == 2
    page.keyboard.press("End")
    page.keyboard.press("ArrowRight")
    assert shown(page)["at"] == 23
    page.keyboard.press("PageDown")
    assert shown(page)["at"] == 1


def test_labels_repairs_and_gaps_are_told_in_words_too(page: Any) -> None:
    page.locator("#video-0 summary").click()
    words = page.locator("#video-0 details").inner_text()
    assert "Missing: 20–39." in words
    assert "Upside down, turned: 9, 10." in words
    assert "Noisy: 44." in words
    assert "Not decodable, shown as their nearest frame: 47." in words


def test_a_hostile_name_is_text_everywhere(page: Any) -> None:
    see_everything(page)
    assert page.get_by_role("heading", name=f"Video {HOSTILE}", exact=True).count() == 1
    assert page.locator("img[src=x]").count() == 0


def test_a_moment_leads_into_its_video(page: Any) -> None:
    link = page.locator("a[data-position]").first
    index, position = link.get_attribute("data-video"), int(link.get_attribute("data-position"))
    link.click()
    slider = page.locator(f'.timeline[data-video="{index}"] .slider:focus')
    slider.wait_for()
    assert int(slider.get_attribute("aria-valuenow")) == position + 1
    assert page.locator("#status").inner_text().startswith("video ")


def test_heat_maps_can_be_switched_off(page: Any) -> None:
    assert page.locator(".heat:visible").count() > 0
    page.get_by_label("off", exact=True).check()
    assert page.locator(".heat:visible").count() == 0
    page.get_by_label("offset", exact=True).check()
    assert page.locator(".heat:visible").count() > 0


def test_a_channel_is_drawn_over_the_fused_score_and_its_line_shown_beside_its_name(page: Any) -> None:
    ready(page)
    lines = page.locator(f"{FIRST} .scatterlayer .trace")
    before = lines.count()
    page.get_by_role("checkbox", name="offset.score").check()
    page.locator("#overlays .swatch").wait_for()
    assert lines.count() == before + 1
    page.get_by_role("checkbox", name="offset.score").uncheck()
    assert lines.count() == before
    assert page.locator("#overlays .swatch").count() == 0


def test_zooming_keeps_the_cursor_on_its_frame_and_a_double_click_shows_all_again(page: Any) -> None:
    ready(page)
    point_at(page, 0.1)
    page.mouse.down()
    point_at(page, 0.3)
    page.mouse.up()
    page.locator(f"{FIRST} .slider").focus()
    page.keyboard.press("End")
    assert not page.locator(f"{FIRST} .cursor").is_visible()
    page.keyboard.press("Home")
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    assert page.locator(f"{FIRST} .cursor").is_visible()
    page.mouse.dblclick(*place(page, 0.5))
    page.keyboard.press("End")
    assert page.locator(f"{FIRST} .cursor").is_visible()


def test_colours_follow_the_system_until_they_are_chosen(written: Path, opened: Open) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    light, dark = "rgb(251, 251, 249)", "rgb(20, 22, 26)"
    with opened(written, color_scheme="light") as page:
        assert page.evaluate(paper) == light
        page.emulate_media(color_scheme="dark")
        page.wait_for_function(f"{paper} === '{dark}'")  # the page hears of it a moment later
        theme = page.locator("#theme")
        theme.click()
        assert (theme.inner_text(), page.evaluate(paper)) == ("Light", light)
        theme.click()
        assert (theme.inner_text(), page.evaluate(paper)) == ("Dark", dark)
        page.emulate_media(color_scheme="light")
        page.reload()
        assert page.evaluate(paper) == dark


def test_a_phone_scrolls_down_only(written: Path, opened: Open) -> None:
    with opened(written, **PHONE) as page:
        see_everything(page)
        assert page.evaluate("[document.documentElement.scrollWidth, innerWidth]") == [390, 390]
        slider = page.locator(f"{FIRST} .slider")
        slider.scroll_into_view_if_needed()
        box = slider.bounding_box()
        page.touchscreen.tap(box["x"] + box["width"] - 10, box["y"] + 50)
        assert shown(page)["at"] == 23


def test_on_paper_every_chart_is_there_in_light_colours(written: Path, opened: Open, tmp_path: Path) -> None:
    with opened(written, color_scheme="dark") as page:
        page.pdf(path=tmp_path / "page.pdf", print_background=True)
        assert (tmp_path / "page.pdf").stat().st_size > 50_000
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        for chart in page.locator(".chart").all():
            chart.locator(".main-svg").first.wait_for()
        assert page.evaluate("document.documentElement.dataset.theme") == "light"
        widths = page.evaluate(
            "[...document.querySelectorAll('.timeline .main-svg')].map((one) => one.clientWidth)"
        )
        assert max(widths) <= 680
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_a_screen_reader_finds_its_way(page: Any) -> None:
    for role in ("banner", "main", "navigation", "contentinfo", "status"):
        assert page.get_by_role(role).count() == 1, role
    levels = page.evaluate(
        "[...document.querySelectorAll('h1, h2, h3')].map((one) => Number(one.tagName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    unnamed = (
        "[...document.querySelectorAll('img:not([alt]), [role=img]:not([aria-label]), table:empty')].length"
    )
    assert page.evaluate(unnamed) == 0
    slider = page.get_by_role("slider", name=re.compile("Position in video 01"))
    assert slider.get_attribute("aria-valuemax") == "23"
    for chart in page.locator(".chart.plain").all():
        assert chart.locator("xpath=ancestor::figure//table").count() == 1


def test_without_labels_tuning_or_data_the_page_says_so(tmp_path: Path, opened: Open) -> None:
    bare = read_run(write_run(tmp_path / "bare", synthetic=False))
    file = write_report(bare, tmp_path / "bare.html").file
    with opened(file) as page:
        see_everything(page)
        assert "frames are not shown" in page.get_by_role("complementary").inner_text()
        assert page.get_by_text("This recipe was not tuned.").count() == 1
        assert page.get_by_text("No labels were given.").count() == 1
        page.locator(f"{FIRST} .slider").focus()
        page.keyboard.press("Home")
        assert page.locator(f"{FIRST} .readout b").inner_text().startswith("Frame 0 ·")


def test_one_video_of_one_frame(tmp_path: Path, opened: Open) -> None:
    run = RunFolder(tmp_path / "run")
    ScoreTable(["7"], [5], ["offset.score"], np.array([[0.3]])).write_csv(run.path / "scores" / "7.csv")
    table, weights = {"offset": "scores/7.csv"}, {"offset.score": 1.0}
    run.write_record(RunRecord(data="street", scores=table, heldout=table, max_gap=4, shares=weights))
    with opened(write_report(read_run(run), tmp_path / "alone.html").file) as page:
        see_everything(page)
        page.locator(f"{FIRST} .slider").focus()
        for key in ("End", "ArrowRight", "Home", "ArrowLeft"):
            page.keyboard.press(key)
        assert page.locator(f"{FIRST} .slider").get_attribute("aria-valuenow") == "1"
        assert page.locator(f"{FIRST} .readout b").inner_text() == "Frame 5 · 0.000"


def test_two_runs_on_one_page(tmp_path: Path, opened: Open) -> None:
    a = read_run(write_run(tmp_path / "a"))
    b = read_run(write_run(tmp_path / "b", channels=("weak.score", "bad.score")))
    file = write_comparison(a, b, tmp_path / "both.html").file
    with opened(file) as page:
        see_everything(page)
        assert page.get_by_role("row", name=re.compile("channels 3 2")).count() == 1
        page.locator(f"{FIRST} .slider").focus()
        page.keyboard.press("Home")
        assert re.fullmatch(
            r"Frame 0 · a 0\.\d{3} · b 0\.\d{3}", page.locator(f"{FIRST} .readout b").inner_text()
        )
