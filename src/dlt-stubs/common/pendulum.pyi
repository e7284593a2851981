from datetime import timedelta as timedelta
from pendulum import *
import pendulum as pendulum
