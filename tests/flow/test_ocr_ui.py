"""
The page in a real browser: a photo goes in, boxes, tags and evidence come out, and nothing leaves the machine.

`HANGTAG_TEST_SCREENSHOTS=docs/images` keeps a picture of it.
"""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import axe
import npm
import pytest
from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Page, expect, sync_playwright

from streams.config.settings import child_environment

ROOT = Path(__file__).parents[2]
COMMAND = ROOT / ".venv-ui/bin/hangtag"
CHROMIUM = shutil.which("chromium")
PHOTOS = ROOT / "samples/photos"
FIELD = "#photo input[type=file]"
#: A first photo on a busy machine.
PATIENCE_MS = 60_000
PICTURES = os.environ.get("HANGTAG_TEST_SCREENSHOTS")  # noqa: TID251 - a test's own switch

pytestmark = [
    # Gradio wants an older Pillow than we do: it cannot be in the environment of the other tests.
    pytest.mark.skipif(not COMMAND.exists(), reason="no .venv-ui: run `make ui` once"),
    # A browser comes from the system, not from a lock file.
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A page on a free port, with its folder of temporary files and its log."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "tmp").mkdir()
    environment = child_environment(photo_max_bytes=2_000_000) | {"TMPDIR": str(folder / "tmp")}
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            [COMMAND, "ocr", "ui", "--port", "0"], stdout=subprocess.PIPE, stderr=log, env=environment, cwd=folder
        ) as process,
    ):
        ready = re.fullmatch(r"OCR page ready on (http://127\.0\.0\.1:\d+)\n", process.stdout.readline().decode())
        assert ready is not None, (folder / "log").read_text()
        yield ready[1], folder
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    # Neither photos nor what ONNX Runtime's telemetry writes.
    assert list((folder / "tmp").iterdir()) == []
    log = (folder / "log").read_text()
    assert "Traceback" not in log, log
    for recognized in ("面料", "POLYESTER", "onerror"):
        assert recognized not in log


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(served, browser):
    """Open the page in a language; fail on script errors and on any request to elsewhere."""
    url, _ = served
    opened, faults = [], []

    def opened_in(locale: str) -> Page:
        context = browser.new_context(locale=locale, viewport={"width": 1280, "height": 1000})
        opened.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda sent: sent.url.startswith((url, "data:", "blob:")) or faults.append(sent.url))
        page.goto(url)
        page.wait_for_selector(FIELD, state="attached")
        return page

    yield opened_in
    for context in opened:
        context.close()
    assert faults == []


def uploads(folder: Path) -> list[Path]:
    """The files on disk besides the samples' thumbnails; Gradio leaves an empty file for each upload."""
    (own,) = (folder / "tmp").glob("hangtag-ui-*")
    files = [path for path in own.rglob("*") if path.is_file() and path.name != "image.webp"]
    return [path for path in files if path.stat().st_size]


def test_a_photo_comes_back_with_numbered_boxes_tags_and_their_evidence(served, open_page):
    page = open_page("zh-CN")
    page.set_input_files(FIELD, PHOTOS / "hang-tag-zh.jpg")
    expect(page.locator("#verdict strong")).to_have_text("清晰可读", timeout=PATIENCE_MS)
    marks = page.locator("#shown svg circle")
    assert marks.count() == page.locator("#lines tbody tr").count() > 8
    cotton = page.locator("#tags tr", has_text="material/cotton")
    expect(cotton).to_contain_text("棉 95 %")
    expect(cotton).to_contain_text("material/cotton#composition")
    # The evidence's number is the number of a line with that text.
    number = cotton.locator(".number").inner_text()
    expect(page.locator("#lines tr").filter(has=page.get_by_text(number, exact=True))).to_contain_text("棉95%")
    expect(page.locator("#timings")).to_contain_text("打标签")
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / "ocr-ui.png", full_page=True)
    # The photo has been read, so it is nowhere on the disk; and the field takes the next one.
    assert uploads(served[1]) == []
    expect(page.locator(FIELD)).to_have_count(1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_people_with_disabilities_can_use_the_page(open_page, width, scheme):
    # Node and its packages come from the system and from npm: work on the code needs neither.
    if trouble := npm.missing(axe.NODE):
        pytest.skip(f"the page was not checked by axe: {trouble}")
    page = open_page("en-GB")
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    expect(page.locator("#samples .caption-label").first).to_be_attached()
    page.evaluate(axe.script())
    assert axe.faults(page.evaluate(axe.RUN)) == []

    page.set_input_files(FIELD, PHOTOS / "care-label-en.jpg")
    expect(page.locator("#tags")).to_contain_text("Polyester 65 %", timeout=PATIENCE_MS)
    # Gradio dims what it is about to replace.
    expect(page.locator(".pending")).to_have_count(0)
    assert axe.faults(page.evaluate(axe.RUN)) == []


def test_the_language_changes_with_the_result_in_place(open_page):
    page = open_page("en-GB")
    expect(page.locator("#verdict")).to_contain_text("Add a photo")
    page.set_input_files(FIELD, PHOTOS / "care-label-en.jpg")
    expect(page.locator("#tags")).to_contain_text("Polyester 65 %", timeout=PATIENCE_MS)
    page.get_by_text("Preprocessing: before and after").click()
    expect(page.locator("#steps svg")).to_have_count(2)
    page.get_by_label("中文").check()
    expect(page.locator("#tags")).to_contain_text("聚酯纤维 65 %")
    expect(page.locator("#verdict")).to_contain_text("清晰可读")
    expect(page.locator("#photo")).to_contain_text("照片")
    expect(page.locator("#steps")).to_contain_text("之前")


def test_a_sample_photo_is_one_click_away(open_page):
    page = open_page("en")
    page.locator("#samples button", has_text="coat-4000px").click()
    expect(page.locator("#tags")).to_contain_text("Trench coat", timeout=PATIENCE_MS)
    page.locator("#samples button", has_text="not-a-photo").click()
    expect(page.locator("#verdict")).to_contain_text("not a JPEG, PNG, WebP", timeout=PATIENCE_MS)


def test_a_pasted_picture_is_read_too(open_page):
    page = open_page("en")
    photo = list((PHOTOS / "care-label-en.jpg").read_bytes())
    page.evaluate(
        """(bytes) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "image.png", {type: "image/png"}));
            document.body.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true}));
        }""",
        photo,
    )
    expect(page.locator("#tags")).to_contain_text("Polyester 65 %", timeout=PATIENCE_MS)


def test_a_file_that_is_no_photo_gets_a_clear_sentence_and_the_page_continues(served, open_page, tmp_path):
    page = open_page("zh-CN")
    page.set_input_files(FIELD, {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": b"no photo at all"})
    expect(page.locator("#verdict")).to_contain_text("不支持这种文件", timeout=PATIENCE_MS)
    expect(page.locator("#verdict")).to_contain_text("not a JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC or AVIF image")
    bomb = tmp_path / "bomb.png"
    Image.new("1", (20_000, 20_000)).save(bomb)
    page.set_input_files(FIELD, bomb)
    expect(page.locator("#verdict")).to_contain_text("far more than 60,000,000 pixels", timeout=PATIENCE_MS)
    large = {"name": "large.jpg", "mimeType": "image/jpeg", "buffer": bytes(2_100_000)}
    page.set_input_files(FIELD, large)
    expect(page.locator(".toast-body")).to_contain_text("a photo may have at most 2,000,000 bytes", timeout=PATIENCE_MS)
    assert uploads(served[1]) == []
    page.set_input_files(FIELD, PHOTOS / "blurry.jpg")
    expect(page.locator("#verdict")).to_contain_text("建议上传更清晰的图片", timeout=PATIENCE_MS)


def test_markup_on_a_label_is_shown_as_text(open_page, tmp_path):
    label = Image.new("RGB", (1400, 500), "white")
    draw, font = ImageDraw.Draw(label), ImageFont.load_default(64)
    for at, line in enumerate(("<img src=x onerror=alert(1)>", "${1+1} {{value}} 100% COTTON")):
        draw.text((60, 100 + at * 150), line, font=font, fill="black")
    label.save(tmp_path / "label.png")
    page = open_page("en")
    page.set_input_files(FIELD, tmp_path / "label.png")
    expect(page.locator("#tags")).to_contain_text("Cotton", timeout=PATIENCE_MS)
    expect(page.locator("#lines")).to_contain_text("<img src=x onerror=alert(1)>")
    expect(page.locator("#lines")).to_contain_text("{1+1}")
    assert page.locator("#lines img, #tags img, #shown img").count() == 0
