"""Several runs at a time, each in a process of its own: the same numbers, and no run lost to the death of another's process."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest
import tiny
from tiny import ranked, without_times

from ncap.engines.contract import Resources
from ncap.engines.local import Local
from ncap.testing.engines import check_engine


def test_the_local_engine_keeps_the_laws_with_several_processes():
    check_engine(lambda: Local(Resources(jobs=2)))
