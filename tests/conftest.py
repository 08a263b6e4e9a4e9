import os
os.environ.setdefault('OMP_NUM_THREADS', '1') # two tests at a time on two cores; before torch comes
import re, subprocess, sys
from importlib import import_module
from pathlib import Path
import pytest

BIN, ROOT = Path(sys.executable).parent, Path(__file__).parents[1]
COMMANDS = dict(re.findall(r'^(slr_\w+) = "(\S+)[.]cli"', (ROOT/'pyproject.toml').read_text(), re.M)) # name → module:function

# The files that take longest, first: `make test` gives each of two workers one file at a time, and so they end together
LONGEST = ['test_training', 'test_extraction', 'test_ladder', 'test_commands', 'test_installs', 'test_cuda', 'test_lab', 'test_claims', 'test_report', 'test_export', 'test_decoding', 'test_phoenix', 'test_demo', 'test_recognition', 'test_refresh', 'test_properties_text', 'test_properties_scoring', 'test_mp_data', 'test_imports']

def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))

@pytest.fixture
def run(tmp_path):
    "Run a command of the package in an empty folder, as a process of its own"
    def _run(*args): return subprocess.run([BIN/args[0], *map(str, args[1:])], cwd=tmp_path, capture_output=True, text=True, timeout=600)
    return _run

@pytest.fixture
def call(tmp_path, monkeypatch, capfd):
    "Run a command of the package in an empty folder, in this process: where starting one isn't the point"
    def _call(name, *args):
        module, function = COMMANDS[name].split(':')
        cli = getattr(import_module(module), function).cli
        capfd.readouterr()
        with monkeypatch.context() as m:
            m.chdir(tmp_path)
            try: code = cli([*map(str, args)])
            except SystemExit as e: code = e.code
        out, err = capfd.readouterr()
        if isinstance(code, str): code, err = 1, f'{err}{code}\n' # as Python ends a process
        return subprocess.CompletedProcess([name, *args], code or 0, out, err)
    return _call

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
