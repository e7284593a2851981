"""Old import paths of dlt 1.31, as `dlt.common.typing`: a table of names, and the import hook that serves them."""
