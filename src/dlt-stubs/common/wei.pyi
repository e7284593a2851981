from dlt.compat.aliases import EVM_DECIMAL_PRECISION as EVM_DECIMAL_PRECISION
from dlt.compat.aliases import Wei as Wei
