import numpy as numpy
