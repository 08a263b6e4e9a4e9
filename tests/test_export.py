"An exported model where PyTorch is not: an environment with NumPy, ONNX Runtime and fastcore alone; real clips; damaged files; the commands"
import json, random, subprocess, sys
from dataclasses import replace
from pathlib import Path
import numpy as np
import pytest
import installs

CONSTRAINTS = installs.root/'constraints.txt'
BARE = ['numpy', 'onnxruntime', 'fastcore']
ABSENT = 'torch', 'pandas', 'matplotlib', 'pydantic', 'safetensors', 'yaml', 'onnx', 'PIL', 'tqdm', 'scipy', 'jiwer', 'pooch'

USE = '''
import json, sys
from importlib.util import find_spec
from pathlib import Path
import numpy as np
import slr_nbdev
from slr_nbdev.export import OnnxRecognizer
from slr_nbdev.streaming import StreamingRecognizer
assert Path(slr_nbdev.__file__).is_relative_to(sys.prefix), slr_nbdev.__file__
there = [name for name in sys.argv[3:] if find_spec(name)]
said, streamed, clips = [], [], np.load(sys.argv[2])
rec = OnnxRecognizer.load(sys.argv[1])
for k in clips.files:
    said.append(rec.recognize(clips[k], n_best=3, aspect=1).as_dict())
    stream = StreamingRecognizer(rec, 1000, window=1100, aspect=1)
    streamed.append([[g.gloss, g.start, g.end] for g in stream.feed(clips[k])+stream.finish()])
print(json.dumps([there, said, streamed]))
'''

@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    "Trained for a moment; with beam, language model and temperature"
    from slr_nbdev.checkpoints import save_checkpoint, load_checkpoint
    from slr_nbdev.config import load_config, override
    from slr_nbdev.language import train_ngram
    from slr_nbdev.resume import train_model
    out = tmp_path_factory.mktemp('run')
    small = override(load_config(), {'model.architecture.hidden_dim':24, 'model.architecture.num_layers':1, 'training.epochs':4,
        'training.batch_size':8, 'training.accumulation_steps':1, 'training.optimizer.learning_rate':4e-3})
    corpus = sentences()
    c, _ = train_model(corpus, small, out/'plain', 'cpu', progress=False)
    decoding = dict(beam_size=5, lm_order=2, lm_weight=.3, insertion_score=1.)
    lm = train_ngram([u.glosses for u in corpus.train], 2, c.vocab.itos)
    info = c.info|{'calibration': {'temperature': 1.5}}
    save_checkpoint(out/'best.safetensors', c.model.state_dict(), override(c.config, {'decoding': decoding}), c.vocab, c.stats, info, lm)
    return out/'best.safetensors'

def sentences():
    from slr_nbdev.signer import simulate_corpus
    return simulate_corpus(n_glosses=6, n_train=60, n_dev=4, n_test=12, mean_glosses=3, difficulty=.4)

@pytest.fixture(scope='module')
def exported(checkpoint):
    from slr_nbdev.export import export_onnx
    export_onnx(checkpoint, checkpoint.with_suffix('.onnx'))
    return checkpoint.with_suffix('.onnx')

@pytest.fixture(scope='module')
def bare(tmp_path_factory):
    "An environment with the wheel and what running a model needs, and nothing else"
    folder = tmp_path_factory.mktemp('bare')
    installs.uv('venv', '-q', '--python', sys.executable, folder/'env')
    installs.uv('pip', 'install', '-q', '--python', folder/'env', '-c', CONSTRAINTS, *BARE)
    installs.uv('pip', 'install', '-q', '--python', folder/'env', '--no-deps', installs.wheel(folder/'dist'))
    return folder

def test_the_environment_without_pytorch(bare, exported, checkpoint):
    "The same glosses, times, lists and warnings as PyTorch's, of clips and of streams, where nothing but NumPy, ONNX Runtime and fastcore is installed"
    from slr_nbdev.recognition import Recognizer
    clips, rec = [u.landmarks for u in sentences().test], Recognizer.load(checkpoint, 'cpu')
    np.savez(bare/'clips.npz', *clips)
    there, said, streamed = json.loads(installs.shell(bare, 'python', '-c', USE, exported, bare/'clips.npz', *ABSENT).stdout)
    assert there==[]
    assert sum(len(s['glosses']) for s in said)>12
    for ours,told,clip in zip(said, streamed, clips, strict=True):
        theirs = rec.recognize(clip, n_best=3, aspect=1).as_dict()
        times = lambda r: [[g['gloss'], g['start'], g['end']] for g in r['glosses']]
        assert times(ours)==times(theirs)==told and ours['warnings']==theirs['warnings']
        assert np.allclose([g['score'] for g in ours['glosses']], [g['score'] for g in theirs['glosses']], atol=2e-4)
        assert [s for s,_ in ours['n_best']]==[list(s) for s,_ in theirs['n_best']]

def test_a_pose_file_without_pytorch(bare, exported, checkpoint, tmp_path, run):
    "The command, in the same environment with pose-format"
    from slr_nbdev.poses import write_pose
    installs.uv('pip', 'install', '-q', '--python', bare/'env', '-c', CONSTRAINTS, 'pose-format')
    clip = sentences().test[0].landmarks
    write_pose(tmp_path/'clip.pose', np.concatenate([clip, np.ones((len(clip),33,1))], 2), 25, (300,300), 'test')
    page = tmp_path/'page.html'
    ours = json.loads(installs.shell(bare, 'slr_recognize', tmp_path/'clip.pose', '--checkpoint', exported, '--json', '--report', page).stdout)
    assert 'function drawSkeleton' in page.read_text() and 'clip.pose' in page.read_text()
    theirs = json.loads(run('slr_recognize', tmp_path/'clip.pose', '--checkpoint', checkpoint, '--device', 'cpu', '--json').stdout)
    glosses = lambda r: [(g['gloss'], g['start'], g['end']) for g in r['clips'][0]['glosses']]
    assert glosses(ours)==glosses(theirs)!=[] and ours['failed']==[]
    assert 'torch' not in installs.uv('pip', 'list', '--python', bare/'env')

def test_without_onnxruntime(tmp_path, exported):
    "Missing libraries are named, with what to install"
    code = f"import sys; sys.modules['onnxruntime'] = None\nfrom slr_nbdev.recognition import slr_recognize\nslr_recognize.cli(['a.pose', '--checkpoint', {str(exported)!r}])"
    r = subprocess.run([sys.executable, '-c', code], cwd=tmp_path, capture_output=True, text=True)
    assert r.returncode==1 and 'Traceback' not in r.stderr
    assert r.stderr.startswith('slr_recognize: error: onnxruntime is not installed') and "pip install onnxruntime" in r.stderr

@pytest.mark.parametrize('weights', ['float32', 'int8'])
@pytest.mark.parametrize('kind', ['original', 'optimized', 'compact'])
def test_real_clips(real_data, tmp_path, kind, weights):
    "Untrained models of full size on RWTH-BOSTON-104: its clips are part of the proof, and both are scored"
    import torch
    from slr_nbdev.batches import SignDataset
    from slr_nbdev.catalogue import load_corpus
    from slr_nbdev.checkpoints import Checkpoint
    from slr_nbdev.compact import create_model
    from slr_nbdev.config import load_config, override
    from slr_nbdev.corpora import Vocabulary
    from slr_nbdev.export import export_onnx
    corpus = load_corpus('boston104', real_data/'boston104')
    vocab = Vocabulary.from_utterances(corpus.train)
    size = dict(original=256, optimized=192, compact=64)[kind]
    config = override(load_config(), {'model.architecture': dict(type=kind, hidden_dim=size, num_layers=2, vocab_size=len(vocab))})
    torch.manual_seed(1)
    model = create_model(config.model.architecture, 'cpu').eval()
    checkpoint = Checkpoint(model, config, vocab, SignDataset(corpus.train, vocab).stats, {'corpus': 'boston104'})
    r = export_onnx(checkpoint, tmp_path/'m.onnx', weights, corpus)
    assert (r['shapes'], r['clips'], r['sentences'], r['batch_difference'])==(200, 20, 40, 0) and r['difference']<2e-5
    if weights=='float32': assert r['changed']==0 and r['wer']==r['wer_pytorch']

def test_damaged_files(exported, tmp_path):
    "Wherever a bit flips or a file ends, it is refused by name"
    from slr_nbdev.core import SlrError
    from slr_nbdev.export import read_onnx
    data, rng, bad = exported.read_bytes(), random.Random(0), tmp_path/'bad.onnx'
    for _ in range(80):
        flipped = bytearray(data)
        flipped[rng.randrange(len(data))] ^= 1<<rng.randrange(8)
        for content in (flipped, data[:rng.randrange(len(data))]):
            bad.write_bytes(content)
            with pytest.raises(SlrError, match='bad.onnx: '): read_onnx(bad)
    bad.write_bytes(data)
    assert read_onnx(bad).temperature==1.5

def test_the_command(call, checkpoint, tmp_path):
    "A file beside the checkpoint; what it was compared on; bad input writes nothing"
    r = call('slr_export', checkpoint, '--weights', 'int8', '--corpus', 'signer', '--out', tmp_path/'a'/'small.onnx', '--json')
    said = json.loads(r.stdout)
    assert r.returncode==0 and said['bytes']==(tmp_path/'a'/'small.onnx').stat().st_size
    assert said['sentences']==80 and said['clips']==20 and 0<said['rounding'] and said['difference']<1e-4
    text = call('slr_export', checkpoint).stdout
    assert checkpoint.with_suffix('.onnx').exists() and '200 random batches' in text
    (tmp_path/'a'/'small.onnx').unlink(), (tmp_path/'a').rmdir()
    for args,says in (((checkpoint,'--weights','int4'), "int4"), ((checkpoint,'--out','a.bin'), 'ends in .onnx'),
                      ((checkpoint,'--root','x'), 'of which corpus'), (('none.safetensors',), 'no such checkpoint'),
                      ((checkpoint,'--split','all'), '--split all')):
        r = call('slr_export', *args)
        assert r.returncode and says in r.stderr and 'Traceback' not in r.stderr, r.stderr
    assert not any(tmp_path.iterdir())
