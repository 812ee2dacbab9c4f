"""The report: what it holds, and how it behaves in a real browser."""

from __future__ import annotations

import json
import re
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import BenchError, RecordError
from bench.plan import Plan
from bench.report.build import build, default_targets, page, tables
from bench.report.pictures import Gallery, Store

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CHROMEDRIVER = shutil.which("chromedriver")


@pytest.fixture(scope="module")
def report(run: Plan) -> Path:
    """The report of the shared run, both photographs at two rates; WebP is left without a curve."""
    path = run.out / "report.html"
    with Gallery(run.out, "cpu") as gallery:
        lines = gallery.record["summary"]
        lines[:] = [line for line in lines if line["codec"] != "webp" or line["target"] == 1.0]
        path.write_text(build(gallery, ["one", "two"], [0.25, 0.35], dial=(0.0, 1.0)))
    return path


def data_of(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_everything_is_inside(report: Path) -> None:
    html = report.read_text()
    assert "@@" not in html
    outside = re.sub(r"http://www\.w3\.org/2000/svg", "", html)
    assert "http:" not in outside
    assert "https:" not in outside
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=\"(?!data:)", html)
    data = data_of(html)
    assert [p["name"] for p in data["viewer"]] == ["one", "two"]
    entries = {e["codec"]: e for e in data["viewer"][0]["rates"][1]["entries"]}
    assert set(entries) == {"jpeg/2", "webp", "tadm/4"}
    ours = entries["tadm/4"]
    assert [step["realism"] for step in ours["dial"]] == [0.0, 1.0]
    assert ours["dial"][0]["picture"] != ours["dial"][1]["picture"]
    assert ours["lr_size"] == [48, 44]
    assert np.array(ours["timesteps"]).shape == (3, 3)
    rows = {
        (r["codec"], r["target"]): r
        for r in json.loads((report.parent / "results.json").read_text())["rows"]
        if r["image"] == "one"
    }
    # what is decoded again for the page is what was measured
    assert ours["dial"][1]["metrics"]["psnr"] == rows["tadm/4:r1", 0.35]["metrics"]["psnr"]
    assert all(uri.startswith("data:image/") for uri in data["pictures"].values())


def test_a_title_cannot_end_the_data(record: dict[str, Any]) -> None:
    record["codecs"]["webp"]["title"] = "</script><b>"
    html = page({**tables(record), "viewer": [], "dial": [], "pictures": {}, "lossless": False})
    assert data_of(html)["codecs"]["webp"]["title"] == "</script><b>"


def test_rates_of_the_viewer_are_rates_of_the_run() -> None:
    known = {"protocol": {"targets": [0.01, 0.02, 0.03, 0.05, 0.08, 0.1]}}
    assert default_targets(known) == [0.03, 0.05, 0.1]
    assert default_targets({"protocol": {"targets": [24.0]}}) == [24.0]


def test_pictures_are_kept_once(photo: Any) -> None:
    store = Store(lossless=True)
    first = store.add(photo(20, 20))
    assert store.add(photo(20, 20)) == first
    assert store.add(photo(21, 20)) != first
    assert len(store.uris) == 2


def test_the_gallery_knows_its_photographs(run: Plan, tmp_path: Path) -> None:
    with Gallery(run.out, "cpu") as gallery:
        with pytest.raises(BenchError, match="no photograph of this run"):
            gallery.original("three")
        assert [r["codec"] for r in gallery.rows("one", 0.35)] == ["jpeg/2", "webp", "tadm/4:r0", "tadm/4:r1"]
        assert [r["codec"] for r in gallery.rows("one", 0.35, ("webp",))] == ["webp"]
    shutil.copy(run.out / "results.json", tmp_path)
    with pytest.raises(RecordError, match="need the whole run folder"):
        Gallery(tmp_path)


@pytest.fixture(scope="module")
def browser(report: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Headless Chromium with the report open."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: pip install selenium")
    if CHROMIUM is None or CHROMEDRIVER is None:
        pytest.skip("no chromium and chromedriver on the PATH: apt-get install chromium chromium-driver")
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (
        "headless=new", "no-sandbox", "disable-gpu", "disable-background-networking", "disable-component-update",
        "disable-sync", "no-first-run", "disable-dev-shm-usage", "window-size=1200,1000",
        f"user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):  # fmt: skip
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        driver = webdriver.Chrome(options=options, service=Service(CHROMEDRIVER))
    try:
        driver.get(report.as_uri())
        yield driver
    finally:
        driver.quit()


def requests_of(driver: Any) -> list[str]:
    """Addresses that the page asked for; the browser's own start page does not count."""
    messages = [json.loads(line["message"])["message"] for line in driver.get_log("performance")]
    sent = [m["params"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    return [s["request"]["url"] for s in sent if not s["documentURL"].startswith(("chrome:", "about:"))]


def element(driver: Any, name: str) -> Any:
    return driver.find_element("id", name)


def choose(driver: Any, name: str, value: str) -> None:
    from selenium.webdriver.support.ui import Select

    Select(element(driver, name)).select_by_value(value)


def pixels_of(driver: Any) -> list[int]:
    """Samples of the right picture as the browser has decoded it."""
    script = """
        const done = arguments[0], image = document.getElementById("right-img");
        image.decode().then(() => {
            const canvas = document.createElement("canvas");
            canvas.width = image.naturalWidth;
            canvas.height = image.naturalHeight;
            const context = canvas.getContext("2d");
            context.drawImage(image, 0, 0);
            done(Array.from(context.getImageData(0, 0, canvas.width, canvas.height).data));
        });"""
    pixels: list[int] = driver.execute_async_script(script)
    return pixels


@pytest.mark.slow
def test_in_a_browser(browser: Any, report: Path) -> None:
    """One session, step by step: opening a browser for every step would cost seconds each."""
    from selenium.webdriver import ActionChains

    # opening: the original left, ours right, its picture really decoded
    assert element(browser, "left-tag").text == "Original"
    assert element(browser, "right-tag").text == "tadmc 4x AV1, realism 1"
    full = pixels_of(browser)
    assert len(full) == 4 * 192 * 176
    # the divider follows the pointer and the keyboard, and cuts the pictures where it stands
    divider, stage = element(browser, "divider"), element(browser, "stage")
    before = divider.location["x"]
    ActionChains(browser, duration=50).drag_and_drop_by_offset(divider, 150, 0).perform()
    moved = divider.location["x"]
    assert moved - before == pytest.approx(150, abs=2)
    cut = float(re.findall(r"[\d.]+(?=px)", element(browser, "right-pane").value_of_css_property("clip-path"))[-1])
    assert cut == pytest.approx(moved + divider.size["width"] / 2 - stage.location["x"], abs=2)
    divider.send_keys("\ue012")  # arrow left
    assert divider.location["x"] < moved
    # another codec, another realism, another rate and another photograph: another picture each time
    choose(browser, "right-codec", "codec|webp")
    peer = pixels_of(browser)
    assert peer != full
    assert "WebP" in element(browser, "right-caption").text
    choose(browser, "right-codec", "codec|tadm/4")
    browser.execute_script(
        "const d = document.getElementById('dial'); d.value = 0; d.dispatchEvent(new Event('input'))"
    )
    assert element(browser, "right-tag").text == "tadmc 4x AV1, realism 0"
    assert pixels_of(browser) != full
    choose(browser, "rate", "0")
    assert "bytes" in element(browser, "right-caption").text
    choose(browser, "image", "1")
    assert len(pixels_of(browser)) == 4 * 200 * 168
    # both pictures keep one transform
    element(browser, "zoom-in").click()
    layers = browser.find_elements("css selector", ".layer")
    assert len({layer.value_of_css_property("transform") for layer in layers}) == 1
    element(browser, "mode-side").click()
    ActionChains(browser, duration=50).scroll_from_origin(_middle(stage), 0, -300).perform()
    assert len({layer.value_of_css_property("transform") for layer in layers}) == 1
    assert not divider.is_displayed()
    # the timestep map and the LR
    element(browser, "map").click()
    maps = [c for c in browser.find_elements("css selector", ".layer canvas") if c.is_displayed()]
    assert [(c.get_attribute("width"), c.get_attribute("height")) for c in maps] == [("4", "3")]
    choose(browser, "left-codec", "lr|tadm/4")
    assert "50 x 42" in element(browser, "thumbnail").text
    # curves with tooltips, tables
    browser.execute_script("document.getElementById('curves').scrollIntoView({block: 'center'})")
    dot = browser.find_elements("css selector", "#curves circle")[0]
    ActionChains(browser, duration=50).move_to_element(dot).perform()
    assert "bpp" in element(browser, "tooltip").text
    data = data_of(report.read_text())
    lines = data["bd"][element(browser, "anchor").get_attribute("value")]
    overlapping = {line["codec"] for line in lines if line["rate"] is not None}
    assert len(browser.find_elements("css selector", "#bd tbody tr")) == len(overlapping) > 0
    # codecs without a curve wait behind one line, and are drawn when asked for
    assert len(browser.find_elements("css selector", "#curves polyline")) == 3
    browser.find_element("css selector", "#legend summary").click()
    (quiet,) = browser.find_elements("css selector", "#legend details button")
    assert quiet.text == "WebP"
    quiet.click()
    assert len(browser.find_elements("css selector", "#curves polyline")) == 4
    assert "vvc: not here" in element(browser, "method").text
    # nothing went wrong on the way, and nothing was asked of the network
    assert [line for line in browser.get_log("browser") if line["level"] in ("SEVERE", "WARNING")] == []
    asked = requests_of(browser)
    assert asked[0] == report.as_uri()
    assert [url[:80] for url in asked if not url.startswith(("data:", report.as_uri()))] == []


def _middle(stage: Any) -> Any:
    from selenium.webdriver.common.actions.wheel_input import ScrollOrigin

    return ScrollOrigin.from_element(stage)
