from dlt.extract.interval import CurrentInterval as _CurrentInterval
TimeIntervalContext = _CurrentInterval
