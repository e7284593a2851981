from dlt.compat import texts as _texts
from dlt.compat.texts import *
json = _texts
