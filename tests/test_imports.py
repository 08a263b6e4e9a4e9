"What importing and using a module brings along: the models need torch alone, and what deployment stands on needs no torch"
import json, subprocess, sys
import pytest

NO_TORCH = 'torch', 'accelerate', 'seaborn'
BARE = *NO_TORCH, 'pydantic', 'yaml', 'pandas', 'matplotlib', 'safetensors', 'PIL', 'tqdm', 'jiwer', 'pooch', 'onnx', 'onnxruntime'
MODELS = 'pandas', 'matplotlib', 'pooch', 'accelerate', 'seaborn'
# module → what it must not bring, and a use of it
LIGHT = {
    'bilstm': (MODELS, "create_bilstm_model(hidden_dim=4, num_layers=1, vocab_size=5, device='cpu')"),
    'bilstm_optimized': (MODELS, "create_optimized_bilstm_model(hidden_dim=4, num_layers=1, vocab_size=5, projection_dim=4, device='cpu')"),
    'points': (NO_TORCH, 'standing_pose()'),
    'landmarks': (NO_TORCH, ''),
    'corpora': (NO_TORCH, "Vocabulary(['A','B']).encode(['A'])" ),
    'recorded': (NO_TORCH, ''),
    'phoenix': (NO_TORCH, "clean_gloss('loc-NORD')"),
    'signer': (NO_TORCH, 'simulate_corpus(n_glosses=4, n_train=8, n_dev=1, n_test=1, mean_glosses=2)'),
    'store': (NO_TORCH, ''),
    'catalogue': (NO_TORCH, "load_corpus('signer')"),
    'scoring': (NO_TORCH, "clean_hypothesis(['A'])"),
    'language': (NO_TORCH, "train_ngram([['A','B'], ['A']], 2)"),
    'alignment': (NO_TORCH, ''),
    'player': (BARE, "from slr_nbdev.points import waving_clip; make_page('a', [player_clip('a', waving_clip(), 25, only_read([('A',0,1,.5)]))])"),
    'recognition': (BARE, ''),
    'export': (BARE, ''),
    'streaming': (BARE, ''),
    'demo': (NO_TORCH, '')}

TRY = '''
import json, sys
from slr_nbdev.{module} import *
{use}
print(json.dumps([name for name in {names} if name in sys.modules]))
'''

def brought(module, use, names):
    "Which of `names` a fresh process has loaded after importing and using a module"
    r = subprocess.run([sys.executable, '-c', TRY.format(module=module, use=use, names=names)], capture_output=True, text=True, timeout=300)
    assert r.returncode==0, r.stderr
    return set(json.loads(r.stdout.splitlines()[-1]))

@pytest.mark.parametrize('module', LIGHT)
def test_brings_no_more_than_it_needs(module):
    names, use = LIGHT[module]
    found = brought(module, use, (*names, 'torch'))
    assert found & set(names)==set(), f'slr_nbdev.{module} brings {found}'
    if names is MODELS: assert found=={'torch'}

def test_the_test_can_fail():
    assert brought('core', 'import seaborn', NO_TORCH)=={'seaborn'}
