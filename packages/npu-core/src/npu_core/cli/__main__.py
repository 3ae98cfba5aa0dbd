"""`python -m npu_core.cli` is `npu`."""

import sys

from npu_core.cli import main

sys.exit(main())
