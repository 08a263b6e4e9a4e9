"Random bytes, cuts and flips of files that a model is made of or reads: the right content, or an `SlrError`"
import shutil
import numpy as np, pytest, torch
from hypothesis import HealthCheck, given, settings, strategies as st
from slr_nbdev.core import SlrError
from slr_nbdev.config import Config, override
from slr_nbdev.points import check_points, waving_clip
from slr_nbdev.corpora import Vocabulary
from slr_nbdev.store import STORE_ABOUT, FeatureStore, write_store
from slr_nbdev.poses import read_pose, write_pose
from slr_nbdev.batches import FeatureStats
from slr_nbdev.compact import create_model
from slr_nbdev.checkpoints import load_checkpoint, load_state, save_checkpoint, save_state
from slr_nbdev.language import train_ngram

clip = waving_clip(12)
points = np.concatenate([clip, np.full((12,33,1), .75)], -1).astype(np.float32)

def damaged(data):
    "Bytes that are cut, or have some of their bits flipped, or bytes put in or taken out"
    place = st.integers(0, len(data)-1)
    def flip(places):
        out = bytearray(data)
        for k,bit in places: out[k] ^= 1<<bit
        return bytes(out)
    return st.one_of(
        place.map(lambda n: data[:n]),
        st.lists(st.tuples(place, st.integers(0, 7)), min_size=1, max_size=4).map(flip),
        st.tuples(place, st.binary(min_size=1, max_size=40)).map(lambda o: data[:o[0]]+o[1]+data[o[0]:]),
        st.tuples(place, st.integers(1, 400)).map(lambda o: data[:o[0]]+data[o[0]+o[1]:]),
        st.binary(max_size=300))

def some(n): return settings(
    max_examples=n, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))

def examine(data, n, read, same):
    "`read` damaged data: it refuses, or gives what `same` accepts"
    refused = 0
    @some(n)
    @given(damaged(data))
    def check(bad):
        nonlocal refused
        try: got = read(bad)
        except SlrError as e:
            refused += 1
            assert len(str(e).splitlines())==1 and len(str(e))<1000
        else: same(bad, got)
    check()
    assert refused>n/4 # a reader that accepts everything would pass too

def pose_reader(folder):
    "`.pose` in both versions has no checksum: what is read has to be plausible, and whole"
    write_pose(folder/'a.pose', points, 25, (200,100), 'MediaPipe')
    def read(raw):
        (folder/'b.pose').write_bytes(raw)
        return read_pose(folder/'b.pose')
    def same(raw, got):
        p, fps, size, _ = got
        assert p.ndim==3 and p.shape[1:]==(33,3) and 0<fps<np.inf and min(size)>0
        confidence = p[...,2][~np.isnan(p[...,2])]
        assert ((confidence>=-1e-4) & (confidence<=1.0001)).all() and not np.isinf(p).any()
    return (folder/'a.pose').read_bytes(), read, same

def store_reader(which):
    def make(folder):
        about = dict.fromkeys(STORE_ABOUT, '')|{'missing': [], 'kind': 'real', 'normalisation': 'body'}
        rows = [(f'u{i}', 'S', ('A','B'), clip.reshape(12, 66)+np.float32(i), 16/9, 25.) for i in range(2)]
        write_store(folder/'good', 'train', rows, about)
        file = next((folder/'good').glob(which))
        good = FeatureStore(folder/'good', 'train')
        def read(raw):
            shutil.rmtree(folder/'bad', ignore_errors=True)
            shutil.copytree(folder/'good', folder/'bad')
            (folder/'bad'/file.name).write_bytes(raw)
            return FeatureStore(folder/'bad', 'train')
        def same(raw, got):
            assert {k: v for k,v in got.about.items()}=={k: v for k,v in good.about.items()}
            for a,b in zip(got.utterances, good.utterances, strict=True):
                assert (a.id, a.signer, a.glosses, a.aspect, a.fps)==(b.id, b.signer, b.glosses, b.aspect, b.fps)
                assert np.array_equal(a.landmarks, b.landmarks)
        return file.read_bytes(), read, same
    return make

def checkpoint_reader(folder):
    small = {'model.architecture': dict(type='optimized', input_dim=66, hidden_dim=4, num_layers=1, vocab_size=5,
             dropout=0., projection_dim=4, subsample_factor=2), 'decoding': dict(beam_size=2, lm_order=2, lm_weight=.5)}
    cfg, vocab = override(Config(), small), Vocabulary(['A','B'])
    stats = FeatureStats(np.zeros(66, np.float32), np.ones(66, np.float32))
    torch.manual_seed(0)
    weights = create_model(cfg.model.architecture, 'cpu').state_dict()
    save_checkpoint(folder/'a.safetensors', weights, cfg, vocab, stats, {'corpus':'signer'}, train_ngram([('A','B')], 2, vocab.itos))
    good = load_checkpoint(folder/'a.safetensors', 'cpu')
    def read(raw):
        (folder/'b.safetensors').write_bytes(raw)
        return load_checkpoint(folder/'b.safetensors', 'cpu')
    def same(raw, got):
        assert (got.config, got.vocab, got.info)==(good.config, good.vocab, good.info)
        assert all(torch.equal(a, b) for a,b in zip(got.model.state_dict().values(), weights.values(), strict=True))
        assert np.array_equal(got.stats.mean, stats.mean) and np.array_equal(got.stats.std, stats.std)
        assert got.lm.words==good.lm.words
    return (folder/'a.safetensors').read_bytes(), read, same

def state_reader(folder):
    tensors, words = {'x': torch.arange(20.), 'n': torch.tensor(3)}, {'config': Config().model_dump(), 'history': [.5, .25]}
    save_state(folder/'a.safetensors', tensors, words)
    def read(raw):
        (folder/'b.safetensors').write_bytes(raw)
        return load_state(folder/'b.safetensors')
    def same(raw, got):
        assert got[1]['history']==words['history'] and got[1]['config']==words['config']
        assert all(torch.equal(got[0][k], v) for k,v in tensors.items())
    return (folder/'a.safetensors').read_bytes(), read, same

READERS = {'.pose': pose_reader, 'store, frames': store_reader('*.safetensors'), 'store, description': store_reader('*.json'),
           'checkpoint': checkpoint_reader, 'state': state_reader}

@pytest.mark.parametrize('name', READERS)
def test_damaged_files(name, tmp_path):
    data, read, same = READERS[name](tmp_path)
    same(data, read(data))
    examine(data, 200, read, same)

@pytest.mark.long
@pytest.mark.parametrize('name', READERS)
def test_many_damaged_files(name, tmp_path):
    data, read, same = READERS[name](tmp_path)
    examine(data, 2000, read, same)

@some(300)
@given(st.one_of(
    st.builds(np.full, st.lists(st.integers(0, 4), max_size=4).map(tuple), st.floats(width=32)),
    st.lists(st.lists(st.floats(), max_size=3), max_size=3), st.text(), st.none(), st.booleans(),
    st.builds(lambda n, x: points[:n]*np.float32(x), st.integers(0, 3), st.floats(-10, 1000, width=32))))
def test_any_array_is_points_or_an_error(x):
    try: p = check_points(x)
    except SlrError: return
    assert p.dtype==np.float32 and p.shape[1:]==(33,3) and not np.isinf(p).any()
    assert np.nanmin(p[...,2], initial=0)>=-1e-4 and np.nanmax(p[...,2], initial=1)<=1.0001
