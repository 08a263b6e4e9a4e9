"The model that rides in the package: small, what its card says, and made again from its recipe"
import re, subprocess
from pathlib import Path
import pytest
from slr_nbdev.catalogue import load_corpus
from slr_nbdev.corpora import SPECIALS
from slr_nbdev.export import OnnxRecognizer, read_onnx
from slr_nbdev.recognition import own_model
from slr_nbdev.scoring import align_corpus, total, wer_interval

CARD = own_model().with_name('README.md').read_text()
WER = [float(x) for x in re.search(r'WER ([\d.]+) % \[([\d.]+), ([\d.]+)\]', CARD).groups()] # and its interval, in %

def read(path, real_data):
    "What a file makes of the held-out session"
    rec = OnnxRecognizer.load(path)
    corpus = load_corpus('asl_words', real_data/'asl_words_mp.npz', rec.checkpoint.config.features.points)
    said = {u.id: [g.gloss for g in rec.recognize(u.landmarks).glosses] for u in corpus.test}
    return align_corpus({u.id: list(u.glosses) for u in corpus.test}, said)

def test_small_and_what_its_card_says():
    model = read_onnx(own_model())
    words = re.search(r'Language: (.*?)\.', CARD)[1].lower().split(', ')
    assert own_model().stat().st_size<400_000 and words==list(model.vocab.itos[len(SPECIALS):])
    assert f'{len(words)} words' in CARD and 'MIT licence' in CARD and model.info['corpus']=='asl_words'

def test_as_good_as_its_card_says(real_data):
    aligned = read(own_model(), real_data)
    assert [round(100*x, 1) for x in (total(aligned).wer, *wer_interval(aligned))]==WER

def test_reads_without_a_checkpoint(call, real_data):
    "A film's landmarks, and a note that says which model it is"
    r = call('slr_recognize', real_data/'media'/'autsl_signer0_sample1000.pose', '--json')
    assert r.returncode==0 and "no --checkpoint, so the package's own model reads" in r.stderr, r.stderr

@pytest.mark.long
def test_made_again(real_data, tmp_path):
    "From its recipe, as `make model` does: as good to half a point"
    made = subprocess.run(['make', 'model', f'MODEL={tmp_path}/own.onnx', f'SLR_DATA={real_data}'], cwd=Path(__file__).parents[1], capture_output=True, text=True)
    assert made.returncode==0, made.stderr
    assert abs(100*total(read(tmp_path/'own.onnx', real_data)).wer-WER[0])<.5
