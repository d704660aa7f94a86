"""``python -m onnxslim``: the console script."""

import sys

from onnxslim._cli import main

sys.exit(main())
