"What the notebook 62_ladder can't show: real folds, a child that the system kills, a ladder that is interrupted"
import json, os, signal, subprocess, sys, time
from collections import Counter
import numpy as np
import pytest
from slr_nbdev.catalogue import load_corpus
from slr_nbdev.config import load_config, override
from slr_nbdev.points import LANDMARK_SETS, POSE
from slr_nbdev.recorded import ASL_WORDS_DEV, ASL_WORDS_TEST, read_asl_clips
from slr_nbdev.study import ladder as L

QUICK = {'model.architecture.hidden_dim': 8, 'model.architecture.num_layers': 1, 'training.epochs': 1}

def tiny(rungs):
    return L.Ladder('signer', 'signer', override(load_config('signer_config.yaml'), QUICK), rungs, simulated=dict(n_glosses=5, n_train=10, n_dev=3, n_test=4))

def test_folds_of_boston104(real_data):
    "161 sentences, each held out once; none of test anywhere"
    corpus = load_corpus('boston104', real_data/'boston104')
    folds = L.split_folds(corpus)
    held = Counter(u.id for c in folds.values() for u in c.test)
    assert len(folds)==4 and set(held.values())=={1} and held.keys()=={u.id for u in corpus.train+corpus.dev} and len(held)==161
    test = {u.id for u in corpus.test}
    for c in folds.values():
        learned = {u.id for u in c.train+c.dev}
        assert len(learned)+len(c.test)==161 and not learned & {u.id for u in c.test} and not test & (learned|{u.id for u in c.test})

def test_folds_of_asl_words(real_data):
    "Sessions of train alone; a clip that is held out is in no sentence to learn from"
    path = real_data/'asl_words_mp.npz'
    clips = {s: c for s,c in read_asl_clips(path).items() if s not in ASL_WORDS_TEST|ASL_WORDS_DEV}
    groups, n = L.group_sessions(clips, 3), sum(map(len, clips.values()))
    assert sorted(s for g in groups for s in g)==sorted(clips) and len(groups)==3
    for group,c in zip(groups, L.session_folds(path, POSE).values()):
        own = sum(len(clips[s]) for s in group)
        assert sum(len(u.glosses) for u in c.test)==own and sum(len(u.glosses) for u in c.train+c.dev)==4*(n-own)
        assert {u.signer for u in c.test}<={k.signer for s in group for k in clips[s]} and abs(own-n/3)<.1*n
    hands = L.session_folds(path, LANDMARK_SETS['pose+hands'])['1']
    assert hands.test[0].landmarks.shape[1]==75

def test_a_child_that_is_killed_takes_nothing_with_it(tmp_path, monkeypatch):
    (tmp_path/'deadly.py').write_text('import os, signal\ndef die(model): os.kill(os.getpid(), signal.SIGKILL)\n')
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join([str(tmp_path), os.environ.get('PYTHONPATH', '')]))
    import deadly
    ladder = tiny((L.Rung('deadly', 'dies', edit=deadly.die), L.Rung('lives', 'does not')))
    made, failed = L.climb(ladder, tmp_path/'l.json', seeds=(1,), n_jobs=2, progress=False)
    assert failed=={'deadly/dev/1': 'ended by signal 9'} and list(made['runs'])==['lives/dev/1']
    assert json.loads((tmp_path/'l.json').read_text())==made

@pytest.mark.long # a minute; that a run in the file is not made again is shown in the notebook
def test_interrupted_and_gone_on(tmp_path):
    "Ctrl-C leaves what is done, and no process behind; the same call makes the rest"
    call = [sys.executable, '-c', 'from slr_nbdev.study.ladder import slr_ladder; slr_ladder.cli()', '--corpus', 'signer', '--rungs', 'compact', '--epochs', '1', '--seeds', '2', '--jobs', '1']
    heed = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL) # whoever starts the tests in the background has it ignored
    p = subprocess.Popen(call, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=heed)
    path = tmp_path/'ladder-signer-1-epochs.json'
    for _ in range(2400):
        if path.exists() or p.poll() is not None: break
        time.sleep(.1)
    os.killpg(p.pid, signal.SIGINT)
    out, err = p.communicate(timeout=60)
    assert p.returncode!=0 and 'Traceback' not in err and 'stopped' in err, err
    with pytest.raises(ProcessLookupError): os.killpg(p.pid, 0)
    first = json.loads(path.read_text())['runs']
    assert len(first)==1
    r = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True)
    runs = json.loads(path.read_text())['runs']
    assert r.returncode==0 and len(runs)==2 and all(runs[k]==v for k,v in first.items()), r.stderr
    assert 'compact' in r.stdout and str(path.name) in r.stdout

@pytest.mark.parametrize('args,says', [
    (('--corpus','phoenix'), "corpus 'phoenix': it has no ladder"), (('--rungs','best,top'), "'top': no such rung"),
    (('--landmarks','lips'), 'the ladders of boston104 are for pose'), (('--jobs','0'), '--jobs 0: must be at least 1'),
    (('--corpus','asl_words'), 'asl_words: where is it?'), (('--corpus','signer','--out','there.json'), 'there.json: holds runs of other settings or data'),
    (('--corpus','signer','--out','words.txt'), 'words.txt: not a JSON file'), (('--corpus','signer','--out','.'), 'a folder')])
def test_what_can_not_be_climbed(call, tmp_path, args, says):
    "One line, and nothing is written"
    (tmp_path/'there.json').write_text('{"settings": {}, "runs": {}}')
    (tmp_path/'words.txt').write_text('words')
    r = call('slr_study', 'ladder', *args, '--epochs', '1')
    assert r.returncode!=0 and says in r.stderr.splitlines()[-1] and r.stderr.startswith('slr_study ladder: error: '), r.stderr
    assert (tmp_path/'there.json').read_text()=='{"settings": {}, "runs": {}}' and not list(tmp_path.glob('ladder*'))
