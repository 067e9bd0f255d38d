"""Seeds derived from what the random numbers are for; the same in every process."""

import hashlib
import json


def derived_seed(*parts: str | int) -> int:
    """A seed in [0, 2^31) that depends on every part and on the order of the parts.

    Python's hash() of a text differs between processes, and seed + epoch would repeat the seeds of other runs.

    >>> derived_seed(0, "mlp", 1), derived_seed(1, "mlp", 0)
    (1626052742, 1774074900)
    """
    digest = hashlib.sha256(json.dumps(parts).encode()).digest()
    return int.from_bytes(digest[:4]) >> 1
