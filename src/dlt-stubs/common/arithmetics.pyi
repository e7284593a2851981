from decimal import Decimal as Decimal
from dlt.compat.values import numeric_default_context as numeric_default_context
