"""From a film to glosses, through the command"""
import json, re, shutil
from pathlib import Path
import pytest

@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    from slr_nbdev.config import load_config, override
    from slr_nbdev.signer import simulate_corpus
    from slr_nbdev.resume import train_model
    tiny = override(load_config(), {'model.architecture.hidden_dim':16, 'model.architecture.num_layers':1, 'training.epochs':1})
    out = tmp_path_factory.mktemp('run')
    train_model(simulate_corpus(n_glosses=6, n_train=16, n_dev=4, n_test=4), tiny, out, 'cpu', progress=False)
    return out/'best.safetensors'

def test_recognize(model, checkpoint, tmp_path, run):
    "A film, a folder, a file that is no film and a missing one: two are recognised, both others are named"
    import av, films
    film, folder = films.video(tmp_path/'walk.mp4', 12), films.folder(tmp_path/'frames', 8)
    (tmp_path/'text.mp4').write_text('no film')
    r = run('slr_recognize', film, tmp_path/'text.mp4', folder, tmp_path/'nowhere.mp4', '--checkpoint', checkpoint, '--overlay', tmp_path/'drawn', '--n_best', 3, '--device', 'cpu', '--json')
    assert r.returncode==1 and 'Traceback' not in r.stderr, r.stderr
    said = json.loads(r.stdout)
    assert [c['source'] for c in said['clips']]==[str(film), str(folder)] and len(said['failed'])==2
    assert 'text.mp4: not a video' in said['failed'][0] and 'nowhere.mp4' in said['failed'][1]
    for c in said['clips']: assert c['warnings'] and len(c['n_best'])<=3 and all(0<=g['start']<g['end']<=c['seconds']+.05 for g in c['glosses'])
    with av.open(str(tmp_path/'drawn'/'walk-overlay.mp4')) as v: assert len(list(v.decode(video=0)))==12
    again = run('slr_recognize', film, '--checkpoint', checkpoint, '--device', 'cpu')
    assert again.returncode==0 and again.stdout.startswith(str(film))

def test_the_readmes_film(model, checkpoint, tmp_path, monkeypatch):
    "The README's example"
    import films
    films.video(tmp_path/'film.mp4', 8)
    (tmp_path/'runs'/'signer-optimized').mkdir(parents=True)
    shutil.copy(checkpoint, tmp_path/'runs'/'signer-optimized'/'best.safetensors')
    monkeypatch.chdir(tmp_path)
    block, = re.findall(r'```python\n(from slr_nbdev.recognition.*?)```', (Path(__file__).parents[1]/'README.md').read_text(), re.S)
    names = {}
    exec(block, names)
    assert names['seen'].warnings and len(names['seen'].n_best)<=3
