"""
The characters that steer a terminal, a log or a page instead of being shown: none is part of a name.

Controls (C0, DEL, C1), what turns the direction of text around, line and paragraph separators, the byte order mark.
"""

from typing import Final

#: For a character class of a regular expression, written so that Python, Rust and ECMAScript read it alike.
STEERING: Final = r"\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
