from dlt.destinations._adapters import postgres_adapter as postgres_adapter
