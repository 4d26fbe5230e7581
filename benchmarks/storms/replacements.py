"""Storm: every handler replaced, again and again without pause, under full load.

    python -m benchmarks.storms.replacements [--seconds 30] [--connections 32] [--seed 0]

Eight rounds over all handlers go on at once, so that replacements meet each other as well.
"""

from typing import Final

from benchmarks.storms.reloads import changing
from benchmarks.storms.verdict import Options, Verdict, main

SECONDS: Final = 30.0


async def storm(options: Options) -> Verdict:
    """Replace all handlers without pause under load."""
    return await changing(options, "replacements", "replace", 0)


if __name__ == "__main__":
    main(__doc__, storm, SECONDS)
