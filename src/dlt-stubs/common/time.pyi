from datetime import timedelta as timedelta
from dlt.compat.times import ensure_datetime as ensure_datetime
from dlt.compat.times import ensure_pendulum_date as ensure_pendulum_date
from dlt.compat.times import ensure_pendulum_datetime as _ensure_pendulum_datetime
from dlt.compat.times import ensure_pendulum_datetime as ensure_pendulum_datetime
from dlt.compat.times import ensure_pendulum_datetime_non_utc as ensure_pendulum_datetime_non_utc
from dlt.compat.times import ensure_pendulum_time as ensure_pendulum_time
from dlt.compat.times import parse_iso_like_datetime as parse_iso_like_datetime
from dlt.compat.times import precise_time as precise_time
from dlt.compat.times import reduce_pendulum_datetime_precision as reduce_pendulum_datetime_precision
from dlt.compat.times import timestamp_within as timestamp_within
from dlt.compat.times import to_seconds as to_seconds
ensure_pendulum_datetime_utc = _ensure_pendulum_datetime
