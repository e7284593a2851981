from dlt import __version__ as __version__
