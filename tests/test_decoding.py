"""Decoding against a peer that others wrote, and the commands around it."""
import json, shutil, subprocess
import numpy as np
import pytest
import torch
from conftest import BIN
from slr_nbdev.checkpoints import load_checkpoint
from slr_nbdev.corpora import SPECIALS
from slr_nbdev.decoding import ClassLM, beam_search
from slr_nbdev.language import EOS, sentence_log10, train_ngram, write_arpa
from slr_nbdev.study.sentences import flashlight_search, sentence_score
from slr_nbdev.signer import simulate_corpus

try: import flashlight.lib.text.decoder as peer
except ImportError: peer = None
needs_peer = pytest.mark.skipif(peer is None, reason='flashlight-text has no wheel for this machine')
ITOS = (*SPECIALS, 'A', 'B')
SENTENCES = [s.split() for s in ('A A B', 'A', 'B A A A', 'B B', 'A B A')]

def random_case(rng, V):
    x = torch.tensor(2*rng.normal(size=(int(rng.integers(1, 7)),V)))
    return x.log_softmax(-1)

@needs_peer
@pytest.mark.parametrize('weight', [0., .7])
def test_same_sentences_as_flashlight(tmp_path, weight):
    lm = train_ngram(SENTENCES, 3, ITOS)
    classes, search = ClassLM(lm, ITOS), flashlight_search(write_arpa(tmp_path/'lm.arpa', lm), ITOS, weight, 5000, tokens=5)
    rng = np.random.default_rng(0)
    for _ in range(300):
        lp = random_case(rng, 5)
        lp[:,1:3] = -30 # the peer's language model has no word for blank's neighbours
        lp = lp.log_softmax(-1)
        ours = beam_search(lp[:,None], torch.tensor([len(lp)]), 1000, classes, weight)[0][0]
        theirs = search(lp)
        assert ours.score==pytest.approx(sentence_score(lp.float(), theirs, classes, weight), abs=1e-3), (ours, theirs)

@needs_peer
@pytest.mark.parametrize('order', [1, 2, 3, 4])
def test_kenlm_reads_the_same_probabilities(tmp_path, order):
    from flashlight.lib.text.decoder.kenlm import KenLM
    from flashlight.lib.text.dictionary import Dictionary
    corpus = simulate_corpus(n_glosses=20, n_train=161, n_dev=30, n_test=2)
    lm, words = train_ngram([u.glosses for u in corpus.train], order), Dictionary()
    for w in sorted(lm.words-{EOS}): words.add_entry(w)
    words.add_entry('NEVER-SEEN')
    kenlm = KenLM(str(write_arpa(tmp_path/'lm.arpa', lm)), words)
    for sentence in [list(u.glosses) for u in corpus.dev]+[['NEVER-SEEN'], []]:
        state, total = kenlm.start(False), 0.
        for w in sentence:
            state, p = kenlm.score(state, words.get_index(w)); total += p
        assert total+kenlm.finish(state)[1]==pytest.approx(sum(sentence_log10(lm, sentence)), abs=1e-4)

SMALL = 'model.architecture.hidden_dim=32,model.architecture.num_layers=1'

@pytest.fixture(scope='module')
def best(tmp_path_factory):
    "A checkpoint after one epoch"
    out = tmp_path_factory.mktemp('runs')
    command = ['--epochs', '1', '--name', 'r', '--out', out, '--device', 'cpu', '--settings', SMALL]
    trained = subprocess.run([BIN/'slr_train', *command], capture_output=True, text=True)
    assert trained.returncode==0, trained.stderr
    return out/'r'/'best.safetensors'

def test_commands(best, tmp_path, run, call):
    "From a checkpoint to a tuned one, as the README has it"
    arpa, best = tmp_path/'data.arpa', shutil.copy(best, tmp_path/'best.safetensors')
    made = run('slr_lm', '--out', arpa)
    assert made.returncode==0 and 'perplexity on dev' in made.stdout, made.stderr
    by_hand = call('slr_eval', best, '--split', 'dev', '--beam', 10, '--lm', arpa, '--json')
    assert by_hand.returncode==0 and 'was not chosen on dev' in by_hand.stderr, by_hand.stderr
    r = json.loads(by_hand.stdout)
    assert r['decoding']['beam_size']==10 and r['decoding']['lm_order']==3 and r['greedy']['words']==r['score']['words']
    before = best.read_bytes()
    refused = call('slr_tune', best, '--split', 'test')
    assert refused.returncode and 'tuning on test: refused' in refused.stderr and refused.stdout=='' and best.read_bytes()==before
    tuned = run('slr_tune', best, '--lm', arpa, '--json')
    assert tuned.returncode==0 and (tmp_path/'tuning.png').exists(), tuned.stderr
    t = json.loads(tuned.stdout)
    assert load_checkpoint(best, 'cpu').config.decoding.model_dump()==t['decoding']
    again = run('slr_eval', best, '--split', 'dev', '--json')
    assert again.returncode==0 and 'was not chosen' not in again.stderr
    assert json.loads(again.stdout)['score']['errors']==(t['after'] if t['difference']>=0 else t['before'])

@pytest.mark.parametrize('text, message', [
    ('\\data\\\nngram 1=3\n\n\\1-grams:\n-99 <s>\n-1 </s>\n-1 X\n\n\\end\\\n', 'none of its'),
    ('\\data\\\nngram 1=2\n\n\\1-grams:\n-99 <s>\n-1 </s>\n\n\\end\\\n', 'an empty language model'),
    ('REGEN\n', 'not a complete ARPA file')])
def test_bad_language_models(best, tmp_path, call, text, message):
    (tmp_path/'bad.arpa').write_text(text)
    bad = call('slr_eval', best, '--beam', 5, '--lm', tmp_path/'bad.arpa')
    assert bad.returncode and message in bad.stderr and bad.stdout=='' and 'Traceback' not in bad.stderr, bad.stderr
