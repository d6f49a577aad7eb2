"""
What we ship may be shipped: by the licence files inside each runtime wheel and by the libraries bundled in it.

The tests do not use metadata: pillow-heif's says BSD, and its wheel contains libx265, which is GPL.
"""

import importlib.metadata
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

LOCK = Path(__file__).parents[2] / "requirements" / "runtime.lock"
NAMES = re.findall(r"^([A-Za-z0-9._-]+)==", LOCK.read_text(), re.MULTILINE)
IS_LICENCE = re.compile(r"licen[cs]e|copying|notice|bundled", re.IGNORECASE)
#: The GNU General Public License or the Affero one, by name or abbreviation; the Lesser one is another.
GPL = re.compile(
    r"(?<!lesser )(?<!library )gnu (?:affero )?general public licen[cs]e|\bAGPL|(?<![\w-])GPL", re.IGNORECASE
)

#: Wheels whose files name the GPL, and why they may be shipped all the same.
NAMES_THE_GPL = {
    "aiohappyeyeballs": "PSF licence, which says that it is compatible with the GPL",
    "typing-extensions": "PSF licence, which says that it is compatible with the GPL",
    "faust-streaming": "BSD; says that it is compatible with the GPL",
    "mode-streaming": "BSD; says that it is compatible with the GPL",
    "numpy": "libgfortran and libquadmath, under the GCC Runtime Library Exception",
    "onnxruntime": "MIT; Eigen under the MPL, Mbed TLS under Apache-2.0, whose texts name the GPL",
    "opencv-python-headless": "FFmpeg under the LGPL; its text says which parts, not built in, would be GPL",
    "pathspec": "MPL-2.0, which names the GPL; a tool of the build only",
    "pi-heif": "LGPL libraries, loaded as shared ones; the LGPL extends the GPL and names it",
    "pillow": "texts of FreeType and liblzma name it as the other choice",
    "shapely": "GEOS, LGPL, loaded as a shared library",
}
#: Shared libraries inside wheels, each with its licence.
BUNDLED = {
    "libaom": "BSD-2-Clause",
    "libavcodec": "LGPL-2.1-or-later",
    "libavformat": "LGPL-2.1-or-later",
    "libavif": "BSD-2-Clause",
    "libavutil": "LGPL-2.1-or-later",
    "libbrotlicommon": "MIT",
    "libbrotlidec": "MIT",
    "libcrypto": "Apache-2.0",
    "libde265": "LGPL-3.0-or-later",
    "libdrm": "MIT",
    "libfreetype": "FTL",
    "libgeos": "LGPL-2.1-only",
    "libgeos_c": "LGPL-2.1-only",
    "libgfortran": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "libharfbuzz": "MIT",
    "libheif": "LGPL-3.0-or-later",
    "libjpeg": "IJG AND BSD-3-Clause",
    "liblcms2": "MIT",
    "liblzma": "0BSD",
    "libopenblasp": "BSD-3-Clause",
    "libopenjp2": "BSD-2-Clause",
    "libpng16": "libpng-2.0",
    "libquadmath": "LGPL-2.1-or-later",
    "librdkafka": "BSD-2-Clause",
    "libscipy_openblas64_": "BSD-3-Clause",
    "libsharpyuv": "BSD-3-Clause",
    "libssl": "Apache-2.0",
    "libswresample": "LGPL-2.1-or-later",
    "libswscale": "LGPL-2.1-or-later",
    "libtiff": "libtiff",
    "libvpx": "BSD-3-Clause",
    "libwebp": "BSD-3-Clause",
    "libwebpdemux": "BSD-3-Clause",
    "libwebpmux": "BSD-3-Clause",
    "libXau": "MIT",
    "libxcb": "MIT",
    "libzstd": "BSD-3-Clause",
}
#: Wheels without any licence file, and what their project's repository says.
BARE = {"flatbuffers": "Apache-2.0", "obstore": "MIT"}


def wheels() -> Iterator[importlib.metadata.Distribution]:
    for name in NAMES:
        try:
            yield importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            assert name == "colorama", f"{name} is locked and not installed"


def licences(wheel: importlib.metadata.Distribution) -> list[str]:
    code = {".py", ".pyc", ".pyi", ".so"}
    files = [one for one in wheel.files or [] if IS_LICENCE.search(one.name) and one.suffix not in code]
    return [Path(str(one.locate())).read_text(errors="replace") for one in files]


def libraries(wheel: importlib.metadata.Distribution) -> set[str]:
    return {re.split(r"[-.]", one.name)[0] for one in wheel.files or [] if ".libs/" in str(one)}


@pytest.mark.parametrize("wheel", list(wheels()), ids=lambda wheel: wheel.name)
def test_a_runtime_wheel_contains_only_allowed_licences_and_libraries(wheel):
    texts = licences(wheel)
    name = wheel.name.replace("_", "-")
    assert texts or name in BARE
    assert name in NAMES_THE_GPL or not any(map(GPL.search, texts))
    assert libraries(wheel) <= BUNDLED.keys()


def test_a_wheel_with_a_gpl_library_is_found_out():
    """pillow-heif encodes photos for the tests, and is not among what is shipped."""
    encoder = importlib.metadata.distribution("pillow-heif")
    assert "libx265" in libraries(encoder) - BUNDLED.keys()
    assert any(map(GPL.search, licences(encoder)))
    assert "pillow-heif" not in NAMES


@pytest.mark.parametrize(
    "text", ["GNU General Public License", "GPLv2", "AGPL-3.0", "GNU Affero General Public License"]
)
def test_the_gpl_is_known_by_every_name(text):
    assert GPL.search(f"x265, under the {text}.")


@pytest.mark.parametrize("text", ["LGPL-3.0", "GNU Lesser General Public License", "Apache-2.0"])
def test_another_licence_is_not_recognized_as_a_known_one(text):
    assert not GPL.search(f"libheif, under the {text}.")
