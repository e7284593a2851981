from decimal import Decimal as Decimal
from dlt.common import json as json
from dlt.common import logger as logger
from dlt.common import pendulum as pendulum
from dlt.compat.aliases import Wei as Wei
from time import sleep as sleep
