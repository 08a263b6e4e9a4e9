"CUDA: the same numbers as on the CPU (`pytest -m cuda`, on a GPU); and on any machine the rehearsal of the one command, from a wheel, and what it does when a part dies"
import json, os, resource, shutil, subprocess, sys, zipfile
from collections import Counter
from pathlib import Path
import pytest, torch
import installs
from slr_nbdev.phoenix import phoenix_tree
from slr_nbdev.study import cuda
from slr_nbdev.study.claims import CLAIMS, ledger, load_evidence
from slr_nbdev.study.parity import CHECKS, Setting

ROOT = Path(__file__).parents[1]
RESULTS = ROOT/'data'/'results'
os.environ.setdefault('CUBLAS_WORKSPACE_CONFIG', ':4096:8') # as the command does, for deterministic training

@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason='there is no CUDA GPU')
@pytest.mark.parametrize('name', CHECKS)
def test_as_on_the_cpu(name):
    found = CHECKS[name](Setting(torch.device('cuda')))
    assert found['ok'], found

NOT_NEEDED = 'nbdev', 'execnb', 'IPython', 'jupyterlab', 'nbconvert', 'pytest', 'mediapipe', 'dask'

@pytest.fixture(scope='module')
def rehearsal(tmp_path_factory):
    "OUT of the rehearsal, by an unpacked wheel with nothing but the package's own requirements; the seconds of processor time"
    folder = tmp_path_factory.mktemp('wheel')
    with zipfile.ZipFile(installs.wheel(folder)) as z: z.extractall(folder/'site')
    (folder/'site'/'sitecustomize.py').write_text(f'import sys\nsys.modules.update(dict.fromkeys({NOT_NEEDED}))\n') # not to be imported
    code = 'from slr_nbdev.study.command import slr_study; slr_study()'
    words = [sys.executable, '-c', code, 'cuda', 'OUT', '--device', 'cpu', '--small']
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    r = subprocess.run(words, cwd=folder, env=os.environ|{'PYTHONPATH': str(folder/'site'), 'OMP_NUM_THREADS': '1'}, capture_output=True, text=True, timeout=600)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert r.returncode==0, r.stdout+r.stderr
    return folder/'OUT', after.ru_utime+after.ru_stime-before.ru_utime-before.ru_stime

def part(out, name): return json.loads((out/f'{name}.json').read_text())

def test_rehearsal(rehearsal):
    "Every step of every part is done, in less than two minutes of a processor"
    out, seconds = rehearsal
    summary = json.loads((out/'summary.json').read_text())
    assert list(summary)==list(cuda.CUDA_PARTS)
    for name,o in summary.items():
        assert (o['outcome'], o['done'], o['missing'])==('ok', list(cuda.CUDA_PARTS[name].steps), []), (name, o)
        p = part(out, name)['provenance']
        assert (p['device'], p['rehearsal'], p['source'])==('cpu', True, cuda.source_fingerprint())
    assert seconds<120

def test_a_rehearsal_is_not_recorded(rehearsal, tmp_path, call):
    (tmp_path/'results').mkdir()
    r = call('slr_study', 'record-cuda', rehearsal[0], '--results', 'results')
    assert r.returncode==1 and 'parity.json: a rehearsal, made on cpu (' in r.stderr and len(r.stderr.splitlines())==1, r.stderr
    assert list((tmp_path/'results').iterdir())==[]

def as_if_from_a_gpu(out, folder):
    "The rehearsal's files with the name of a GPU in them"
    folder.mkdir()
    for name in cuda.CUDA_PARTS:
        r = part(out, name)
        r['provenance'] |= dict(device='cuda', processor='NVIDIA Made-Up', rehearsal=False, commit='0123456789ab')
        (folder/f'{name}.json').write_text(json.dumps(r))
    return folder

def test_the_pages_show_what_came_back(rehearsal, tmp_path, call):
    "The ledger and the table: not measured before, with the GPU's name after; the recorded results stay as they are"
    timed = [c for c in CLAIMS if c.timed]
    shutil.copytree(RESULTS, tmp_path/'results', ignore=lambda *_: [p.file for p in cuda.CUDA_PARTS.values()])
    before = ledger(load_evidence(tmp_path/'results'), timed)
    assert before.CUDA.str.startswith('not measured').all()
    r = call('slr_study', 'record-cuda', as_if_from_a_gpu(rehearsal[0], tmp_path/'OUT'), '--results', 'results')
    assert r.returncode==0 and 'bench-cuda.json: measured on NVIDIA Made-Up' in r.stdout and 'without' not in r.stdout, r.stdout+r.stderr
    after = ledger(load_evidence(tmp_path/'results'), timed)
    assert not after.CUDA.str.startswith('not measured').any(), after.CUDA
    vram = before.condition.str.contains('VRAM') # one claim is about a GPU's memory, and judged there if it can be
    assert vram.sum()==1 and after[~vram].drop(columns='CUDA').equals(before[~vram].drop(columns='CUDA'))
    assert set(after[vram].machine)=={'NVIDIA Made-Up'}
    table = cuda.cuda_table(tmp_path/'results')
    assert set(table.GPU)=={'NVIDIA Made-Up'} and cuda.NOT_MEASURED not in set(table.CUDA)
    assert table.CUDA.iloc[0]==f'{len(CHECKS)} of {len(CHECKS)} checks hold'

FAULTY = '''
import os, resource, signal, time
from slr_nbdev.study.cuda import Part

def good(s): return dict(n=1)
def dies(s): os.kill(os.getpid(), signal.SIGKILL)
def hangs(s): time.sleep(600)
def too_much(s):
    resource.setrlimit(resource.RLIMIT_AS, (2**33, 2**33))
    return len(bytearray(2**34))

CUDA_PARTS = {name: Part(dict(before=good, bad=f, after=good), share, f'{name}-cuda.json')
              for name,f,share in (('killed',dies,1), ('hangs',hangs,.4), ('memory',too_much,1), ('well',good,1))}
'''

@pytest.mark.long
def test_a_part_that_dies_takes_nothing_along(tmp_path, call, monkeypatch):
    "Killed, hanging, out of memory: what they had found and the other parts' results are there, and the end says which failed"
    (tmp_path/'faulty.py').write_text(FAULTY)
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join([str(tmp_path), str(ROOT)]))
    monkeypatch.syspath_prepend(tmp_path)
    run_parts = cuda.run_parts
    monkeypatch.setattr(cuda, 'CUDA_PARTS', __import__('faulty').CUDA_PARTS)
    monkeypatch.setattr(cuda, 'run_parts', lambda *args: run_parts(*args, module='faulty'))
    r = call('slr_study', 'cuda', 'OUT', '--device', 'cpu', '--minutes', '2')
    summary = json.loads((tmp_path/'OUT'/'summary.json').read_text())
    done = {name: (o['done'], list(o['failed']), o['missing']) for name,o in summary.items()}
    assert done==dict(killed=(['before'], [], ['bad','after']), hangs=(['before'], [], ['bad','after']),
                      memory=(['before','after'], ['bad'], []), well=(['before','bad','after'], [], []))
    assert summary['killed']['outcome']=='killed by SIGKILL' and summary['hangs']['outcome'].startswith('cut off after')
    assert 'MemoryError' in summary['memory']['failed']['bad']
    assert all(part(tmp_path/'OUT', name)['before']==dict(n=1) for name in done)
    assert r.returncode==1 and 'failed: killed (killed by SIGKILL); hangs (cut off after' in r.stderr and 'memory (failed)' in r.stderr and 'well' not in r.stderr.splitlines()[-1], r.stderr

def test_sizes_are_those_of_phoenix(real_data):
    "The counts in the package are those of num_frames.csv, split by split"
    lines = (phoenix_tree('phoenix2014', real_data/'phoenix2014')/'num_frames.csv').read_text().splitlines()[1:]
    for split in ('train','dev','test'):
        frames = Counter(int(l.split(',')[2]) for l in lines if l.split(',')[1]==split)
        assert Counter(cuda.phoenix_sizes(split)[0].tolist())==frames
