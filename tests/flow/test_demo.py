"""`hangtag demo` as its users run it: real processes, real OCR, and nothing left behind."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from PIL import Image, ImageDraw, ImageFont

DEMO = [sys.executable, "-m", "streams", "demo"]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "my photos 照片"
    folder.mkdir()
    picture = Image.new("RGB", (900, 500), (225, 220, 210))
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(46)
    for at, line in enumerate(("SLIM FIT V-NECK DRESS", "65% POLYESTER 35% COTTON", "MACHINE WASH COLD")):
        draw.text((60, 90 + at * 110), line, font=font, fill=(30, 30, 40))
    picture.save(folder / "吊牌 1.jpg")
    picture.save(folder / "tag.webp")
    plain = Image.new("RGB", (900, 500), (225, 220, 210))
    ImageDraw.Draw(plain).text((60, 200), "GOOD THINGS TAKE TIME", font=font, fill=(30, 30, 40))
    plain.save(folder / "slogan.png")
    shirt = Image.new("RGB", (900, 500), (225, 220, 210))
    for at, line in enumerate(("CLASSIC T-SHIRT", "100% COTTON")):
        ImageDraw.Draw(shirt).text((60, 90 + at * 110), line, font=font, fill=(30, 30, 40))
    shirt.save(folder / "tee.png")
    whole = (folder / "吊牌 1.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 3])
    (folder / "text.jpg").write_text("no photo")
    (folder / "empty.png").touch()
    return folder


def test_every_photo_reaches_its_end_and_the_summary_says_which(photos):
    done = subprocess.run([*DEMO, "--photos", photos, "--json"], capture_output=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr.decode()
    *lines, summary = [json.loads(line) for line in done.stdout.splitlines()]
    outcomes = {line["photo"]: line["outcome"] for line in lines}
    assert outcomes == {
        "吊牌 1.jpg": "synced",
        "tag.webp": "synced",
        "tee.png": "synced",
        "slogan.png": "no_tags",
        "cut.jpg": "feedback",
        "text.jpg": "feedback",
        "empty.png": "feedback",
    }
    assert summary["uploads"] == 7
    assert summary["lost"] == 0
    assert summary["synced"] == 3
    assert 0 < summary["p50_ms"] <= summary["p95_ms"]
    (tagged,) = [line for line in lines if line["photo"] == "吊牌 1.jpg"]
    assert {"material/cotton", "material/polyester"} <= set(tagged["tags"])
    [sms] = summary["sms"]
    assert sms["text"] == "Hi，看到你喜欢纯棉舒适款！夏日新款纯棉T恤限时8折"
    assert (sms["shopper"], sms["photo"], sms["campaign"]) == ("shopper-2", "tee.png", "Cotton T-shirts")
    # At night it waits for the morning.
    assert sms["status"] in {"sent", "waiting"}


@pytest.mark.parametrize("end", ["one Ctrl-C", "two Ctrl-C", "SIGTERM", "SIGKILL"])
def test_no_process_and_no_open_port_is_left_after_any_end(photos, end):
    demo = subprocess.Popen([*DEMO, "--photos", photos], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        parent = psutil.Process(demo.pid)
        deadline = time.monotonic() + 60
        while len(parent.children(recursive=True)) < 6:
            assert time.monotonic() < deadline
            assert demo.poll() is None
            time.sleep(0.1)
        children = parent.children(recursive=True)
        if end == "SIGKILL":
            demo.kill()
        elif end == "SIGTERM":
            demo.terminate()
        else:
            demo.send_signal(signal.SIGINT)
            if end == "two Ctrl-C":
                time.sleep(0.3)
                demo.send_signal(signal.SIGINT)
        # A second Ctrl-C may come when all is closed already: then Python ends by the signal itself.
        code = demo.wait(40)
        assert code in ({-signal.SIGKILL} if end == "SIGKILL" else {130, -signal.SIGINT})
        # A port is open only while its process lives.
        _, alive = psutil.wait_procs(children, timeout=30)
        assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]
    finally:
        demo.kill()
        demo.wait()


def test_the_demo_reports_an_empty_folder(tmp_path):
    done = subprocess.run([*DEMO, "--photos", tmp_path], capture_output=True, timeout=60, check=False)
    assert done.returncode == 2
    assert b"no files in" in done.stderr
