from dlt.destinations._postgres import postgres as postgres
