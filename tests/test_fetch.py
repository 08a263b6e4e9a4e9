"Downloading RWTH-BOSTON-104, from a server on this machine"
import os, shutil, subprocess, threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
import pooch, pytest
from conftest import BIN
from slr_nbdev import recorded
from slr_nbdev.core import SlrError

@pytest.fixture
def served(tmp_path, monkeypatch):
    "A folder that the downloader takes for the corpus's origin"
    folder = tmp_path/'origin'; folder.mkdir()
    server = ThreadingHTTPServer(('127.0.0.1', 0), partial(SimpleHTTPRequestHandler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(recorded, 'BOSTON104_URL', f'http://127.0.0.1:{server.server_port}/')
    yield folder
    server.shutdown()

def test_fetched_files_are_the_pinned_ones(served, real_data, tmp_path):
    for f in recorded.BOSTON104_FILES: shutil.copy(real_data/'boston104'/f, served/f)
    root = recorded.fetch_boston104(tmp_path/'cache')
    assert len(recorded.read_boston104(root).test)==40

def test_other_content_is_refused(served, tmp_path):
    for f in recorded.BOSTON104_FILES: (served/f).write_text('video,speaker\n')
    with pytest.raises(SlrError, match='hands_condensed.csv is not the file .* SHA-256.* give a local copy') as e: recorded.fetch_boston104(tmp_path/'cache')
    assert 'network' not in str(e.value)
    assert not [p for p in (tmp_path/'cache').rglob('*') if p.is_file()]

def test_no_network(monkeypatch, tmp_path, capfd):
    monkeypatch.setattr(recorded, 'BOSTON104_URL', 'http://127.0.0.1:9/')
    with pytest.raises(SlrError, match='could not be downloaded'): recorded.fetch_boston104(tmp_path/'cache')
    assert capfd.readouterr().err==''

def test_no_folder_to_keep_it_in(tmp_path):
    "A cache that can't be written is no fault of the network, and another folder can be named"
    for cache in ('/dev/null/cache', '/proc/cache'):
        for args in (('slr_data','fetch','boston104'), ('slr_train','--corpus','boston104'), ('slr_data','check','boston104')):
            r = subprocess.run([BIN/args[0], *args[1:]], cwd=tmp_path, capture_output=True, text=True, env=os.environ|dict(XDG_CACHE_HOME=cache, MPLCONFIGDIR=str(tmp_path)))
            assert r.returncode==1 and len(r.stderr.splitlines())==1, r.stderr
            assert f"{cache}/slr_nbdev/boston104: can't write there" in r.stderr and 'slr_data fetch boston104 --root DIR' in r.stderr and 'network' not in r.stderr
    r = subprocess.run([BIN/'slr_data','fetch','boston104','--root','/dev/null/x'], cwd=tmp_path, capture_output=True, text=True)
    assert "/dev/null/x: can't write there" in r.stderr and '--root DIR' in r.stderr and '--out' not in r.stderr

def test_what_is_there_needs_no_place_and_no_network(real_data, tmp_path, monkeypatch):
    "A complete copy in a cache that can only be read"
    for f in recorded.BOSTON104_FILES: shutil.copy(real_data/'boston104'/f, tmp_path/f)
    monkeypatch.setattr(recorded, 'BOSTON104_URL', 'http://127.0.0.1:9/')
    def never(*args): raise AssertionError('nothing is to be written')
    monkeypatch.setattr(recorded, 'output_folder', never)
    assert recorded.fetch_boston104(tmp_path)==tmp_path

def test_a_full_disk_is_named(tmp_path, monkeypatch):
    def full(*args, **kw): raise OSError(28, 'No space left on device')
    monkeypatch.setattr(pooch.Pooch, 'fetch', full)
    with pytest.raises(SlrError, match="can't keep hands_condensed.csv there .No space left") as e: recorded.fetch_boston104(tmp_path)
    assert 'network' not in str(e.value)

def test_pose_model_without_a_cache(tmp_path):
    "It is said before anything is fetched"
    pytest.importorskip('mediapipe')
    env = os.environ|dict(XDG_CACHE_HOME='/dev/null/cache', PIP_INDEX_URL='http://127.0.0.1:9/', PIP_RETRIES='0')
    r = subprocess.run([BIN/'slr_data','fetch','pose-model'], cwd=tmp_path, capture_output=True, text=True, env=env)
    assert r.returncode==1 and "/dev/null/cache/slr_nbdev: can't write there" in r.stderr and '--root DIR' in r.stderr and len(r.stderr.splitlines())==1
    r = subprocess.run([BIN/'slr_data','fetch','pose-model','--root','models'], cwd=tmp_path, capture_output=True, text=True, env=env)
    assert r.returncode==1 and "can't write there" not in r.stderr and 'pip could not fetch' in r.stderr
