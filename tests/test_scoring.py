"The official score against NIST's sclite (golden cases beside the checkout), and every kind of wrong file"
import json, os
from pathlib import Path
import pytest
from slr_nbdev.scoring import align_corpus, clean_hypothesis, total

FOLDER = Path(os.environ.get('SLR_DATA') or 'nowhere').parent/'golden'
GOLDEN = [p for p in sorted(FOLDER.glob('*.json')) if not p.stem.startswith('t-')] # t-: PHOENIX-2014-T, whose clean-up is another

@pytest.mark.skipif(not GOLDEN, reason='SLR_DATA is not set, or no golden cases beside it')
@pytest.mark.parametrize('path', GOLDEN, ids=lambda p: p.stem)
def test_equal_to_sclite(path, call, tmp_path):
    golden = json.loads(path.read_text())
    for u in golden['utterances']: assert ' '.join(clean_hypothesis(u['hyp'].split()))==u['hyp_cleaned'], u['id']
    for key in ('ref','hyp'): (tmp_path/f'{key}.tsv').write_text(''.join(f"{u['id']}\t{u[key]}\n" for u in golden['utterances']), encoding='utf-8')
    r = call('slr_score', 'ref.tsv', 'hyp.tsv', '--protocol', 'phoenix2014', '--json')
    assert r.returncode==0, r.stderr
    ours, theirs = json.loads(r.stdout), golden['total']
    for key in ('sentences','words','correct','sub','delete','ins','errors','sent_err'): assert ours[key]==theirs[key], key
    assert ours['wer']==pytest.approx(theirs['wer'], abs=1e-3)

@pytest.mark.skipif(not GOLDEN, reason='SLR_DATA is not set, or no golden cases beside it')
def test_collapsing_repeats_is_another_score():
    "The variant of some public ports never scores worse, and on these cases it does score better"
    better = 0
    for path in GOLDEN:
        us = json.loads(path.read_text())['utterances']
        refs, hyps = ({u['id']: u[k].split() for u in us} for k in ('ref','hyp'))
        official, collapsed = (total(align_corpus(refs, hyps, p)).errors for p in ('phoenix2014','phoenix2014-collapsed'))
        better += collapsed<official
    assert better

REF = 'a\tA B\nb\tC\n'
WRONG = {
    'unknown utterance': (REF, b'a\tA\nz\tB\n', ['does not have: z']),
    'duplicate': (REF, b'a\tA\na\tB\n', ['hyp.tsv line 2', 'a comes twice']),
    'not UTF-8': (REF, b'a\tA\nb\t\xc4\n', ['hyp.tsv line 2', 'not UTF-8', 'iconv']),
    'empty file': (REF, b'', ['hyp.tsv', 'empty']),
    'empty reference': ('a\t\nb\tC\n', b'a\tA\n', ['references without a gloss: a']),
    'no tab': (REF, b'a A B\n', ['hyp.tsv line 1', 'no tab'])}

@pytest.mark.parametrize('case', WRONG)
def test_wrong_files_are_errors_not_scores(case, call, tmp_path):
    ref, hyp, says = WRONG[case]
    (tmp_path/'ref.tsv').write_text(ref); (tmp_path/'hyp.tsv').write_bytes(hyp)
    r = call('slr_score', 'ref.tsv', 'hyp.tsv', '--json')
    assert r.returncode!=0 and r.stdout=='' and len(r.stderr.strip().splitlines())==1
    for s in says: assert s in r.stderr, r.stderr

def test_files_that_are_not_there_and_wrong_protocols(call, tmp_path):
    (tmp_path/'ref.tsv').write_text(REF)
    for args,says in ((('ref.tsv','none.ctm'), 'none.ctm'), (('ref.tsv','ref.tsv','--protocol','official'), 'phoenix2014-collapsed')):
        r = call('slr_score', *args)
        assert r.returncode!=0 and r.stdout=='' and says in r.stderr

def test_a_missing_hypothesis_is_scored_as_empty_and_named(call, tmp_path):
    (tmp_path/'ref.stm').write_text('a 1 s 0 1 A B\nb 1 s 0 1 C D\n')
    (tmp_path/'hyp.ctm').write_text('a 1 0 1 A\na 1 1 1 B\n')
    out = json.loads(call('slr_score', 'ref.stm', 'hyp.ctm', '--json').stdout)
    assert out['missing']==['b'] and out['wer_raw']==50 and (out['sub'], out['delete'])==(1, 1)
    assert 'have no hypothesis' in call('slr_score', 'ref.stm', 'hyp.ctm').stdout
