"What training survives: being killed, a full disk, Ctrl-C; and that several processes give what one gives"
import json, os, signal, subprocess, sys, time
from functools import cache
from pathlib import Path
import pytest
from slr_nbdev.catalogue import load_corpus
from slr_nbdev.checkpoints import load_checkpoint, load_state

HERE, ONE_THREAD = Path(__file__).parent, os.environ|{'OMP_NUM_THREADS':'1'}
BIN = Path(sys.executable).parent

@pytest.mark.long # one kill and its resumption are part of test_cuda's rehearsal
@pytest.mark.parametrize('kills', [2, 20])
def test_killed_at_any_moment(tmp_path, kills):
    "SIGKILLs at random moments, some in the middle of writing: nothing unreadable is left, and the resumed run ends with the same bits"
    seed = int.from_bytes(os.urandom(4), 'big')
    r = subprocess.run([sys.executable, HERE/'killing.py', tmp_path, str(kills), str(seed)], env=ONE_THREAD, capture_output=True, text=True, timeout=600)
    assert r.returncode==0, r.stderr+r.stdout
    rows = json.loads(r.stdout.splitlines()[-1])
    assert len(rows)==kills
    for row in rows: assert (row['unreadable'], row['end'], row['differ'])==([], 0, []), (seed, row)
    assert sum(row['killed'] for row in rows)>=3*kills//4, rows # a kill after the last step comes too late to count
    assert len({tuple(row['at'] or ()) for row in rows})>=-(-3*kills//10), rows # they were at different places

def two_processes(tmp_path, n):
    folder = tmp_path/str(n); folder.mkdir()
    launcher = [sys.executable,'-m','torch.distributed.run','--standalone','--nproc-per-node',str(n)] if n>1 else [sys.executable]
    r = subprocess.run([*launcher, HERE/'two_processes.py', folder], env=ONE_THREAD, capture_output=True, text=True, timeout=300)
    assert r.returncode==0, r.stderr
    return load_state(folder/'last.safetensors')

def test_two_processes_equal_one(tmp_path):
    "Twenty steps on one process and on two (gloo): the same weights, losses and dev scores to rounding"
    (ta, wa), (tb, wb) = (two_processes(tmp_path, n) for n in (1,2))
    assert len(wa['log'])==20
    for k in ta:
        if k.startswith('model.'): assert (ta[k]-tb[k]).abs().max()<1e-5, k
    for (la,na,ua,ia),(lb,nb,ub,ib) in zip(wa['log'], wb['log']):
        assert abs(la-lb)<1e-4 and abs(na-nb)<1e-3*na and (ua,ia)==(ub,ib)
    assert wa['history'][0]['dev_wer']==wb['history'][0]['dev_wer']
    assert abs(wa['history'][0]['dev_loss']-wb['history'][0]['dev_loss'])<1e-4

QUICK = ('--settings', 'model.architecture.hidden_dim=16,training.checkpoint_seconds=0')

def begin(cwd, *args): return subprocess.Popen([BIN/'slr_train', *args], cwd=cwd, env=ONE_THREAD, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

def wait_for(path, p, seconds=120):
    "Until a file is there and the process lives"
    for _ in range(seconds*20):
        if path.exists(): return
        assert p.poll() is None, p.communicate()
        time.sleep(.05)
    raise AssertionError(f'{path} never came')

@pytest.mark.parametrize('sig', [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_asked_to_stop(tmp_path, call, sig):
    "Ctrl-C and SIGTERM save and say how to go on; what they say works"
    p = begin(tmp_path, '--epochs', '2', '--name', 'x', *QUICK)
    wait_for(tmp_path/'runs'/'x'/'last.safetensors', p); time.sleep(.3); p.send_signal(sig)
    out, err = p.communicate(timeout=60)
    assert p.returncode==1 and 'slr_train --resume x goes on' in err and 'Traceback' not in err, err
    epoch, step = (load_state(tmp_path/'runs'/'x'/'last.safetensors', words_only=True)[1][k] for k in ('epoch','step'))
    r = call('slr_train', '--resume', 'x')
    assert r.returncode==0 and f'going on in epoch {epoch} after step {step}' in r.stderr, r.stderr
    assert 'x/best.safetensors: dev WER' in r.stdout
    listed = json.loads(call('slr_runs', '--json').stdout)['runs']
    assert [(o['run'], o['state'], o['epochs']) for o in listed]==[('x','finished','2/2')]
    again = call('slr_train', '--resume', 'x')
    assert again.returncode==0 and 'x is finished: 2 epochs' in again.stderr

def test_full_disk(tmp_path, call):
    "A disk that fills up stops the run with one line; the state before is whole, and training goes on from it"
    import resource
    limit = lambda n: lambda: (signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.setrlimit(resource.RLIMIT_FSIZE, (n, n)))
    args = [BIN/'slr_train', '--name', 'x', '--epochs', '1', '--settings', 'model.architecture.hidden_dim=16']
    p = begin(tmp_path, *args[1:]); wait_for(tmp_path/'runs'/'x'/'last.safetensors', p); p.send_signal(signal.SIGINT); p.communicate(timeout=60)
    before = (tmp_path/'runs'/'x'/'last.safetensors').read_bytes()
    r = subprocess.run([BIN/'slr_train', '--resume', 'x'], cwd=tmp_path, env=ONE_THREAD, capture_output=True, text=True, timeout=120, preexec_fn=limit(len(before)//2))
    assert r.returncode==1 and 'last.safetensors: could not be written' in r.stderr and 'Traceback' not in r.stderr, r.stderr
    assert (tmp_path/'runs'/'x'/'last.safetensors').read_bytes()==before
    r = call('slr_train', '--resume', 'x')
    assert r.returncode==0, r.stderr
    load_checkpoint(tmp_path/'runs'/'x'/'best.safetensors', 'cpu')

@pytest.mark.long # two processes that equal one are in the short tests
def test_launched_twice(tmp_path):
    "The command itself under a launcher: one page, one line, one voice"
    r = subprocess.run([sys.executable,'-m','torch.distributed.run','--standalone','--nproc-per-node','2','-m','slr_nbdev.resume','--device','cpu','--epochs','1','--name','two','--settings','model.architecture.hidden_dim=16'], cwd=tmp_path, env=ONE_THREAD, capture_output=True, text=True, timeout=300)
    assert r.returncode==0, r.stderr
    assert len(r.stdout.strip().splitlines())==1 and 'runs/two/best.safetensors: dev WER' in r.stdout
    assert r.stderr.count('utterances to train on')==1
    start, = json.loads((tmp_path/'runs'/'two'/'environment.json').read_text())
    assert start['processes']==2

@pytest.mark.long # two processes on two cores
def test_two_processes_stop_and_go_on(tmp_path):
    "Two processes that are asked to stop agree on where, the state is whole, and two go on from it"
    launch = [sys.executable,'-m','torch.distributed.run','--standalone','--nproc-per-node','2','-m','slr_nbdev.resume','--device','cpu']
    p = subprocess.Popen([*launch,'--epochs','6','--name','two','--settings','model.architecture.hidden_dim=16'], cwd=tmp_path, env=ONE_THREAD, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(tmp_path/'runs'/'two'/'last.safetensors', p); time.sleep(.3); p.send_signal(signal.SIGTERM)
    out, err = p.communicate(timeout=60)
    assert p.returncode!=0 and 'slr_train --resume two goes on' in err, err
    words = load_state(tmp_path/'runs'/'two'/'last.safetensors', words_only=True)[1]
    assert words['step']>0 or words['epoch']>1
    r = subprocess.run([*launch,'--resume','two'], cwd=tmp_path, env=ONE_THREAD, capture_output=True, text=True, timeout=300)
    assert r.returncode==0 and r.stderr.count('going on in epoch')==1, r.stderr
    words = load_state(tmp_path/'runs'/'two'/'last.safetensors', words_only=True)[1]
    assert words['finished'] and len(words['history'])==6

def test_what_a_resumed_run_finds_in_its_folder(tmp_path, call, monkeypatch):
    "Files that were edited, torn or removed: what can be written again is, with a note; what somebody meant is refused by name and kept"
    folder, again = tmp_path/'runs'/'x', ('slr_train','--resume','x','--device','cpu')
    monkeypatch.setattr('slr_nbdev.resume.load_corpus', cache(load_corpus)) # the same corpus sixteen times
    r = call('slr_train','--name','x','--epochs','1','--device','cpu','--settings','model.architecture.hidden_dim=16')
    assert r.returncode==0 and '1 epochs' not in r.stderr, r.stderr
    whole = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}
    def damaged(name, content, *args):
        for k,v in whole.items(): (folder/k).write_bytes(v)
        if content is None: (folder/name).unlink()
        else: (folder/name).write_bytes(content)
        return call(*again, *args)
    config = whole['config.yaml']
    for edited,says in ((config.replace(b'epochs: 1\n', b'epochs: 2\n'), 'training.epochs (1, now 2)'), (config.replace(b'seed: 42', b'seed: 7'), 'training.seed (42, now 7)'),
                        (config[:-40]+b'[', 'not YAML'), (b'', 'found nothing'), (b'\xff', 'not UTF-8')):
        r = damaged('config.yaml', edited)
        assert r.returncode==1 and len(r.stderr.splitlines())==1, r.stderr
        assert says in r.stderr and 'remove config.yaml, and it is written again' in r.stderr, r.stderr
        assert (folder/'config.yaml').read_bytes()==edited and (folder/'last.safetensors').read_bytes()==whole['last.safetensors']
    for torn in (b'[{"ep', b'{}', b'\xff'):
        r = damaged('environment.json', torn)
        assert r.returncode==1 and 'environment.json: not JSON' in r.stderr.splitlines()[-1] and (folder/'environment.json').read_bytes()==torn, r.stderr
    best = whole['best.safetensors']
    for name,content,says in (('config.yaml', None, 'config.yaml was gone'), ('config.yaml', config+b'# mine', ''), ('best.safetensors', None, 'best.safetensors: it is not there'),
                              ('best.safetensors', best[:len(best)//2], 'it is written again'), ('best.safetensors', b'', 'it is written again'),
                              ('metrics.csv', None, ''), ('environment.json', None, ''), ('curves.png', None, '')):
        r = damaged(name, content)
        assert r.returncode==0 and says in r.stderr and 'x is finished: 1 epoch,' in r.stderr, r.stderr
        assert set(whole)<={p.name for p in folder.iterdir()} and (folder/'metrics.csv').read_bytes()==whole['metrics.csv']
        if name=='config.yaml': assert (folder/name).read_bytes()==(content or config)
        load_checkpoint(folder/'best.safetensors', 'cpu')
    r = damaged('config.yaml', config.replace(b'epochs: 1\n', b'epochs: 2\n'), '--epochs', '2') # it says what the run now does
    assert r.returncode==0 and 'in epoch' in r.stdout, r.stderr
