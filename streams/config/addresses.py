"""
The type of settings that are addresses of services. Logs, metrics and traces show addresses, so they contain no secret.

Does not read the environment and knows no setting.
"""

import re
from typing import Annotated, Final

from pydantic import AfterValidator

#: A user name or password before the host, even one with an unencoded `/`, `?` or `#`.
_NAME_OR_PASSWORD: Final = re.compile(r"[^/]*//(?:[^/?#]*@|[^/:]*:(?!\d*(?:[/?#]|$)).*@)", re.DOTALL)


def _without_password(address: str) -> str:
    if _NAME_OR_PASSWORD.match(address):
        raise ValueError("an address with a user name or password would appear in logs: see docs/security.md")
    return address


#: An address without a user name or password.
Address = Annotated[str, AfterValidator(_without_password)]
