"PHOENIX: the real annotations where they are, the recipe from archive to official score on a miniature, and a store that survives a kill"
import json, os, random, signal, subprocess, sys, time
import numpy as np, pytest
from slr_nbdev.phoenix import write_miniature
from slr_nbdev.store import FeatureStore, write_store
from slr_nbdev.poses import read_pose_landmarks
from slr_nbdev.core import SlrError
from slr_nbdev.points import PoseLandmark

N = dict(train=16, dev=4, test=4)

def test_real_annotations_are_complete(call, real_data):
    root = real_data/'phoenix2014'/'phoenix-2014-multisigner'
    if not root.exists(): pytest.skip('PHOENIX-2014 is not here')
    report = json.loads(call('slr_data','check','phoenix2014','--root',root,'--json').stdout)
    assert {s: r['utterances'] for s,r in report['splits'].items()}==dict(train=5671, dev=540, test=629)
    assert report['splits']['train']['lost']==['13April_2011_Wednesday_tagesschau_default-14']
    assert [report['vocabulary'][k] for k in ('types','types_without_markers','types_normalised','tokens')]==[1231, 1226, 1100, 65211]
    assert [report['out_of_vocabulary'][s]['cleaned'][k] for s in ('dev','test') for k in ('types','tokens')]==[24, 29, 36, 37]
    text = call('slr_data','check','phoenix2014','--root',root).stdout
    assert 'no videos found' in text and 'features/fullFrame-210x260px/train/' in text and '5,672 (official)' in text

def test_real_phoenix_t(call, real_data):
    root = real_data/'phoenix2014T'
    if not root.exists(): pytest.skip('PHOENIX-2014-T is not here')
    report = json.loads(call('slr_data','check','phoenix2014T','--root',root,'--json').stdout)
    assert {s: r['utterances'] for s,r in report['splits'].items()}==dict(train=7096, dev=519, test=642)

def test_real_pose_file(real_data):
    path = real_data/'media'/'phoenix14t_sample.pose'
    if not path.exists(): pytest.skip('no .pose file here')
    clip = read_pose_landmarks(path)
    assert clip.shape==(86,33,2)
    shoulders = clip[:,[PoseLandmark.LEFT_SHOULDER,PoseLandmark.RIGHT_SHOULDER]]
    assert np.isfinite(shoulders).all() and (shoulders>0).all() and (shoulders<1).all()
    assert (clip[:,PoseLandmark.NOSE,1]<shoulders[...,1].min(1)).all()   # the head is above the shoulders

def test_from_archive_to_official_score(run, call, tmp_path):
    "Check, simulate, train, evaluate, score: the two ways to the official WER agree"
    root = write_miniature(tmp_path/'phoenix', N)
    assert call('slr_data','check','phoenix2014','--root',root).returncode==0
    early = call('slr_train','--corpus','phoenix2014','--root',root,'--device','cpu')
    assert early.returncode!=0 and 'no poses yet' in early.stderr and 'slr_data import' in early.stderr
    made = run('slr_data','simulate','phoenix2014','--root',root,'--json')
    assert made.returncode==0, made.stderr
    train = run('slr_train','--corpus','phoenix2014','--root',root,'--epochs','1','--device','cpu','--json')
    assert train.returncode==0, train.stderr
    info = json.loads(train.stdout)
    assert info['corpus_kind']=='simulated'
    scored = run('slr_eval',info['checkpoint'],'--corpus','phoenix2014','--root',root,'--device','cpu','--hypotheses','hyp.tsv','--json')
    official = json.loads(scored.stdout)['official']
    again = json.loads(call('slr_score', root/'evaluation'/'phoenix2014-groundtruth-test.stm', 'hyp.tsv', '--json').stdout)
    assert [official[k] for k in ('words','correct','substitutions','deletions','insertions','sentence_errors')]==[again[k] for k in ('words','correct','sub','delete','ins','sent_err')]

BROKEN = {
    'unknown column': (lambda t: t.replace('annotation', 'glosses', 1), ['train.corpus.csv', 'unknown: glosses']),
    'empty annotation': (lambda t: t+'x|x/1/*.png|Signer01| \n', ['line 18', 'the annotation of x is empty']),
    'duplicate': (lambda t: t+t.splitlines()[1]+'\n', ['line 18', 'train-0 is given twice']),
    'empty file': (lambda t: '', ['train.corpus.csv', 'the file is empty'])}

@pytest.mark.parametrize('case', [*BROKEN, 'not UTF-8'])
def test_wrong_annotations_stop_before_anything_is_written(case, call, tmp_path):
    root = write_miniature(tmp_path/'p', N)
    path = root/'annotations'/'manual'/'train.corpus.csv'
    if case=='not UTF-8': path.write_bytes(path.read_bytes()+b'x|x|Signer01|M\xdcNCHEN\n'); says = ['line 18', 'not UTF-8']
    else: change, says = BROKEN[case]; path.write_text(change(path.read_text()))
    for args in (('check',), ('simulate','--out','store')):
        r = call('slr_data',args[0],'phoenix2014','--root',root,*args[1:])
        assert r.returncode!=0 and r.stdout=='' and len(r.stderr.strip().splitlines())==1
        for s in says: assert s in r.stderr, r.stderr
    assert not (tmp_path/'store').exists()

WRITER = """
"For each line it reads: a process that does nothing but write, until it is killed"
import os, sys, numpy as np
from slr_nbdev.store import write_store
about = dict(corpus='test', glosses='written', landmarks='mediapipe-pose-33', normalisation='body', extractor='test', kind='simulated', source='-', missing=[])
for _ in sys.stdin:
    if os.fork()==0:
        print(os.getpid(), flush=True)
        for k in range(10**6):
            write_store(sys.argv[1], 'train', [(f'u{i}', 'S', ('A',), np.full((200,66), k%7, np.float32)) for i in range(40)], about)
    os.wait()
    print('ended', flush=True)
"""

def test_a_kill_while_writing_leaves_a_whole_store(tmp_path):
    "SIGKILL at random moments of a program that does nothing but write: the store is always one of those that were written"
    rng, seen = random.Random(0), set()
    p = subprocess.Popen([sys.executable, '-c', WRITER, tmp_path/'store'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    for _ in range(12):
        print(file=p.stdin, flush=True)
        pid = int(p.stdout.readline())
        time.sleep(rng.uniform(.02, .4))
        os.kill(pid, signal.SIGKILL)
        assert p.stdout.readline()=='ended\n'
        try: store = FeatureStore(tmp_path/'store', 'train')
        except SlrError as e: assert not seen and 'no feature store' in str(e); continue
        values = {float(v) for i in (0, 39) for v in np.unique(store.frames(i))}
        assert len(store)==40 and len(values)==1
        seen |= values
    p.communicate(timeout=60)
    assert p.returncode==0 and seen
    about = dict(corpus='test', glosses='written', landmarks='mediapipe-pose-33', normalisation='body', extractor='test', kind='simulated', source='-', missing=[])
    write_store(tmp_path/'store', 'train', [('u', 'S', ('A',), np.ones((3,66), np.float32))], about)
    assert sorted(p.suffix for p in (tmp_path/'store').iterdir())==['.json','.safetensors']   # what killed writes left behind is gone
