"""``python -m npu_sim`` is the command ``npu-sim``."""

import sys

from .cli import main

sys.exit(main())
