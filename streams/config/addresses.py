"""
The kind of setting that is a service's address: logs, metrics and traces tell it, so no secret may stand in it.

Reads no environment and knows no setting.
"""

import re
from typing import Annotated, Final

from pydantic import AfterValidator

#: A name or password before the host; also one whose `/`, `?` or `#` is not percent-encoded.
_NAME_OR_PASSWORD: Final = re.compile(r"[^/]*//(?:[^/?#]*@|[^/:]*:(?!\d*(?:[/?#]|$)).*@)", re.DOTALL)


def _without_password(address: str) -> str:
    if _NAME_OR_PASSWORD.match(address):
        raise ValueError("a name or password in an address would be told in logs: docs/security.md says where it goes")
    return address


#: An address without a name or password in it.
Address = Annotated[str, AfterValidator(_without_password)]
