"Where the output of a command goes: a reader who leaves, a full disk, a terminal without letters"
import os, subprocess
import pytest
from conftest import BIN
from slr_nbdev.core import command

def gone(*args, **env):
    "Run a command whose reader has left"
    read, write = os.pipe()
    os.close(read)
    try: return subprocess.run([BIN/args[0], *args[1:]], stdout=write, stderr=subprocess.PIPE, text=True, env=os.environ|env, timeout=100)
    finally: os.close(write)

@pytest.mark.parametrize('args', [('slr_data','list'), ('slr_data','list','--json'), ('slr_data','--help'), ('slr_data','check','signer'), ('slr_study','--help')])
@pytest.mark.parametrize('unbuffered', ['','1'])
def test_a_reader_who_left(args, unbuffered):
    r = gone(*args, PYTHONUNBUFFERED=unbuffered)
    assert r.stderr==''
    if '--help' not in args: assert r.returncode==1 # argparse does not mind

def test_head():
    for line in ('slr_data list | head -2', 'slr_data list --json | head -c 10', 'PYTHONUNBUFFERED=1 slr_data list | head -1', 'slr_data list 2>&1 | head -1'):
        r = subprocess.run(['bash','-c',line], env=os.environ|dict(PATH=f"{BIN}:{os.environ['PATH']}"), capture_output=True, text=True, timeout=100)
        assert r.stdout and r.stderr==''

def test_an_error_is_told_although_the_reader_left():
    r = gone('slr_data','check')
    assert r.returncode==1 and r.stderr.startswith('slr_data: error: check: which corpus?') and len(r.stderr.splitlines())==1

@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='there is no /dev/full')
@pytest.mark.parametrize('args', [('slr_data','list'), ('slr_data','--help')])
def test_a_full_disk(args):
    with open('/dev/full', 'w') as full: r = subprocess.run([BIN/args[0], *args[1:]], stdout=full, stderr=subprocess.PIPE, text=True, timeout=100)
    assert r.returncode==1 and r.stderr=='slr_data: error: [Errno 28] No space left on device\n'

def test_another_pipe_that_breaks_is_told(capsys):
    "It was not the output that nobody read"
    @command
    def slr_worker(): raise BrokenPipeError(32, 'Broken pipe')
    with pytest.raises(SystemExit) as e: slr_worker.cli([])
    assert e.value.code=='slr_worker: error: [Errno 32] Broken pipe'

def test_letters_that_a_terminal_lacks(tmp_path):
    (tmp_path/'say.py').write_text("from slr_nbdev.core import command\n@command\ndef slr_say(): print('\\xdcBER \\udcff')\nslr_say.cli([])\n")
    for env,says in ((dict(LC_ALL='C', PYTHONUTF8='0'), b'\\xdcBER \xff'), (dict(PYTHONUTF8='1'), 'ÜBER '.encode()+b'\xff')):
        r = subprocess.run([BIN/'python',tmp_path/'say.py'], capture_output=True, env=os.environ|env, timeout=100)
        assert (r.returncode, r.stdout.strip(), r.stderr)==(0, says, b'')
