"""What the installed pandas makes of names."""

import pandas as pd

# before 3.0, all names that are not UTF-8 are one to it
PANDAS_KNOWS_BYTES = int(pd.__version__.partition(".")[0]) >= 3
