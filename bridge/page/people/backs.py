"""Where a form leads back to: a path of ours, and nothing else."""

import re
from typing import Final

# No backslash and no second slash (a browser takes both for the begin of another host), nothing that could end a header's line.
_PATH: Final = re.compile(r"/(?:[A-Za-z0-9_.~@:,;=+%-][A-Za-z0-9_.~@:,;=+%/-]*)?(?:\?[A-Za-z0-9_.~@:,;=+%&/?-]*)?")
LONGEST: Final = 500


def path_of_ours(text: str, otherwise: str = "/") -> str:
    """The path, if it is one; never a way in or out, which would lead round in circles."""
    if len(text) > LONGEST or not _PATH.fullmatch(text) or text.startswith(("/login", "/logout", "/static", "/api", "/live")):
        return otherwise
    return text
