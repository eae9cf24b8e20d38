"""`python -m ctcdsl`, which is how `torchrun -m -- ctcdsl` starts it."""

import os
import sys

from ctcdsl.cli.main import main, run
from ctcdsl.cli.streams import guard

if __name__ == "__main__":
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        main()
    # Under torchrun threads of torch outlive the group, and may crash while Python is taken down.
    guard()
    code = run()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
