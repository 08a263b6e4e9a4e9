import os, subprocess, sys
from pathlib import Path
import pytest

BIN = Path(sys.executable).parent

@pytest.fixture
def run(tmp_path):
    "Run a command of the package in an empty folder"
    def _run(*args): return subprocess.run([BIN/args[0], *map(str, args[1:])], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    return _run

@pytest.fixture(scope='session')
def real_data():
    "Folder of the real corpora, from SLR_DATA"
    folder = os.environ.get('SLR_DATA')
    if not folder: pytest.skip('SLR_DATA is not set: no real corpora to test with')
    return Path(folder)

@pytest.fixture(scope='session')
def model():
    "The pose model, or a skip that says why there is none"
    from slr_nbdev.core import SlrError
    from slr_nbdev.extraction import pose_model
    try: import mediapipe, av, dask.distributed
    except (ImportError, OSError) as e: pytest.skip(f"extraction can't be tested: {e}")
    try: return pose_model()
    except SlrError as e: pytest.skip(f"extraction can't be tested: {e}")
