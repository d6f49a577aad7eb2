"""Small files from outside are read, or refused with a sentence: never waited for, in no stack or time without end."""

import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.input_files import UnfitFileError, parse_toml, read_small

SPECIAL = {
    "pipe": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "large": lambda path: path.write_bytes(b"x" * 101),
}
#: Each is no TOML to us: too deep, too many parts, a number of too many digits, or broken.
UNFIT = {
    "arrays": "a = " + "[" * 5000 + "]" * 5000,
    "open arrays": "a = " + "[" * 100_000,
    "inline tables": "a = " + "{b=" * 3000 + "1" + "}" * 3000,
    "dotted key": ".".join(["a"] * 20_000) + "=1",
    "quoted dotted key": " . ".join(['"a"'] * 20_000) + "=1",
    "dotted header": "[" + ".".join(["a"] * 20_000) + "]",
    "number": "a = " + "9" * 5000,
    "hexadecimal number in a deep array": "a = [" * 40 + "0xff",
    "no end": 'a = """' + 'b"' * 100_000,
    "header of spaces": "[" + " " * 100_000,
    "year 0": "a = 0000-01-01",
}


@pytest.mark.parametrize("make", SPECIAL.values(), ids=SPECIAL)
def test_only_a_regular_file_of_limited_size_is_read_and_others_do_not_block(tmp_path: Path, make):
    path = tmp_path / "a.toml"
    make(path)
    with pytest.raises(UnfitFileError):
        read_small(path, most_bytes=100)


@pytest.mark.parametrize("text", UNFIT.values(), ids=UNFIT)
def test_toml_of_any_shape_ends_in_a_sentence(text: str):
    with pytest.raises(UnfitFileError) as refused:
        parse_toml(text)
    assert len(str(refused.value)) < 200


def test_dots_and_brackets_in_strings_and_comments_are_no_nesting():
    text = 'a = "' + "." * 99 + "[" * 99 + '" # ' + "[." * 99 + "\nb = '''" + "\n.[" * 99 + "'''\n"
    assert set(parse_toml(text)) == {"a", "b"}


@settings(deadline=None)
@given(st.text(st.sampled_from("ab.[]{}=,\"'#\n 1\\"), max_size=60))
def test_the_reader_accepts_and_refuses_the_same_toml_as_python(text: str):
    try:
        wanted = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        with pytest.raises(UnfitFileError):
            parse_toml(text)
    else:
        assert parse_toml(text) == wanted
