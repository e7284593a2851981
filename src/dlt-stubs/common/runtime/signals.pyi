from dlt.compat.signals import *
