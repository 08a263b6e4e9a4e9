"Downloading RWTH-BOSTON-104, from a server on this machine"
import shutil, threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
import pytest
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
    with pytest.raises(SlrError, match='give a local copy'): recorded.fetch_boston104(tmp_path/'cache')
    assert not [p for p in (tmp_path/'cache').rglob('*') if p.is_file()]

def test_no_network(monkeypatch, tmp_path, capfd):
    monkeypatch.setattr(recorded, 'BOSTON104_URL', 'http://127.0.0.1:9/')
    with pytest.raises(SlrError, match='could not be downloaded'): recorded.fetch_boston104(tmp_path/'cache')
    assert capfd.readouterr().err==''
