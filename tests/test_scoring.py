"The official score against NIST's sclite, PHOENIX-2014-T's against its peers (golden cases beside the checkout), and every kind of wrong file"
import json, os, subprocess, sys
from pathlib import Path
import pytest
from slr_nbdev.scoring import align_corpus, clean_hypothesis, clean_phoenix2014T, total

FOLDER = Path(os.environ.get('SLR_DATA') or 'nowhere').parent/'golden'
GOLDEN = [p for p in sorted(FOLDER.glob('*.json')) if not p.stem.startswith('t-')]
GOLDEN_T = sorted(FOLDER.glob('t-*.json')) # PHOENIX-2014-T, whose clean-up is another

@pytest.mark.skipif(not GOLDEN, reason='SLR_DATA is not set, or no golden cases beside it')
@pytest.mark.parametrize('path', GOLDEN, ids=lambda p: p.stem)
def test_equal_to_sclite(path, call, tmp_path):
    golden = json.loads(path.read_text(encoding='utf-8'))
    for u in golden['utterances']: assert ' '.join(clean_hypothesis(u['hyp'].split()))==u['hyp_cleaned'], u['id']
    for key in ('ref','hyp'): (tmp_path/f'{key}.tsv').write_text(''.join(f"{u['id']}\t{u[key]}\n" for u in golden['utterances']), encoding='utf-8')
    r = call('slr_score', 'ref.tsv', 'hyp.tsv', '--protocol', 'phoenix2014', '--json')
    assert r.returncode==0, r.stderr
    ours, theirs = json.loads(r.stdout), golden['total']
    for key in ('sentences','words','correct','sub','delete','ins','errors','sent_err'): assert ours[key]==theirs[key], key
    assert ours['wer']==pytest.approx(theirs['wer'], abs=1e-3)

@pytest.mark.skipif(not GOLDEN_T, reason='SLR_DATA is not set, or no golden cases beside it')
@pytest.mark.parametrize('path', GOLDEN_T, ids=lambda p: p.stem)
def test_phoenix2014T_equal_to_its_peers(path, call, tmp_path):
    "Every cleaned sentence, the words, and the weighted cost (the split into S, D and I is not unique)"
    golden = json.loads(path.read_text(encoding='utf-8'))
    for u in golden['utterances']:
        for key in ('ref','hyp'): assert ' '.join(clean_phoenix2014T(u[key].split()))==u[f'{key}_cleaned'], (u['id'], key)
    for key in ('ref','hyp'): (tmp_path/f'{key}.tsv').write_text(''.join(f"{u['id']}\t{u[key]}\n" for u in golden['utterances']), encoding='utf-8')
    r = call('slr_score', 'ref.tsv', 'hyp.tsv', '--protocol', 'phoenix2014T', '--json')
    assert r.returncode==0, r.stderr
    ours = json.loads(r.stdout)
    assert dict(words=ours['words'], cost=4*ours['sub']+3*(ours['delete']+ours['ins']))==golden['total']
    assert ours['protocol']=='phoenix2014T' and ours['wer_unit']<=ours['wer']<ours['wer_raw']
    shown = call('slr_score', 'ref.tsv', 'hyp.tsv', '--protocol', 'phoenix2014T').stdout.splitlines()
    assert [l.split(': ')[0] for l in shown]==['phoenix2014T', 'phoenix2014T with unit costs', 'raw', 'S, D and I differ']

@pytest.mark.skipif(not GOLDEN, reason='SLR_DATA is not set, or no golden cases beside it')
def test_collapsing_repeats_is_another_score():
    "The variant of some public ports never scores worse, and on these cases it does score better"
    better = 0
    for path in GOLDEN:
        us = json.loads(path.read_text(encoding='utf-8'))['utterances']
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
    'no tab': (REF, b'a A B\n', ['hyp.tsv line 1', 'no tab']),
    'a second tab': (REF, b'a\tA\tB\n', ['hyp.tsv line 1', 'second tab']),
    'UTF-16 without its mark': (REF, 'a\tA\n'.encode('utf-16-le'), ['hyp.tsv line 1', 'a NUL byte']),
    'a space that is not seen': (REF, 'a\tA\u200b\n'.encode(), ['hyp.tsv line 1', 'U+200B']),
    'reserved symbol in the reference': ('a\tA\nb\t<UNK>\n', b'a\tA\n', ['ref.tsv line 2', '<UNK> is no gloss']),
    'alternatives in the reference': ('a\t{ A / B }\n', b'a\tA\n', ['ref.tsv line 1', '{ is no gloss'])}

@pytest.mark.parametrize('case', WRONG)
def test_wrong_files_are_errors_not_scores(case, call, tmp_path):
    ref, hyp, says = WRONG[case]
    (tmp_path/'ref.tsv').write_text(ref, encoding='utf-8'); (tmp_path/'hyp.tsv').write_bytes(hyp)
    r = call('slr_score', 'ref.tsv', 'hyp.tsv', '--json')
    assert r.returncode!=0 and r.stdout=='' and len(r.stderr.strip().splitlines())==1
    for s in says: assert s in r.stderr, r.stderr

def test_files_that_are_not_there_and_wrong_protocols(call, tmp_path):
    (tmp_path/'ref.tsv').write_text(REF, encoding='utf-8')
    for args,says in ((('ref.tsv','none.ctm'), 'none.ctm'), (('ref.tsv','ref.tsv','--protocol','official'), 'phoenix2014-collapsed')):
        r = call('slr_score', *args)
        assert r.returncode!=0 and r.stdout=='' and says in r.stderr

def test_a_missing_hypothesis_is_scored_as_empty_and_named(call, tmp_path):
    (tmp_path/'ref.stm').write_text('a 1 s 0 1 A B\nb 1 s 0 1 C D\n', encoding='utf-8')
    (tmp_path/'hyp.ctm').write_text('a 1 0 1 A\na 1 1 1 B\n', encoding='utf-8')
    out = json.loads(call('slr_score', 'ref.stm', 'hyp.ctm', '--json').stdout)
    assert out['missing']==['b'] and out['wer_raw']==50 and (out['sub'], out['delete'])==(1, 1)
    assert 'have no hypothesis' in call('slr_score', 'ref.stm', 'hyp.ctm').stdout

def test_segments_that_are_not_to_be_scored_are_left_out_and_told(call, tmp_path):
    (tmp_path/'ref.stm').write_text('a 1 s 0 1 <o,f0> A B\nb 1 excluded 0 1 <o,> IGNORE_TIME_SEGMENT_IN_SCORING\n', encoding='utf-8')
    (tmp_path/'hyp.ctm').write_text('a 1 0 1 A 0.9\na 1 1 1 B 0.8\nb 1 0 1 X\n', encoding='utf-8')
    out = json.loads(call('slr_score', 'ref.stm', 'hyp.ctm', '--json').stdout)
    assert (out['words'], out['errors'], out['ignored'], out['missing'])==(2, 0, ['b'], [])
    assert '1 utterances are marked IGNORE_TIME_SEGMENT_IN_SCORING and not scored: b' in call('slr_score', 'ref.stm', 'hyp.ctm').stdout

def test_letters_that_the_terminal_lacks(tmp_path):
    "Names and glosses outside ASCII where Python is told that there is nothing but ASCII"
    (tmp_path/'réf.tsv').write_text('ü\tTÜR GRÜN\nb\tBÄR\n', encoding='utf-8')
    (tmp_path/'日本.tsv').write_text('u\u0308\tTU\u0308R ROT\n', encoding='utf-8') # the same letters, not composed
    env = {k: v for k,v in os.environ.items() if not k.startswith(('LC_','LANG','PYTHON'))} | dict(LC_ALL='C', PYTHONUTF8='0', PYTHONPATH=os.pathsep.join(sys.path))
    def score(*args):
        code = "from slr_nbdev.scoring import slr_score; slr_score.cli(prog='slr_score')"
        return subprocess.run([sys.executable, '-c', code, *args], cwd=tmp_path, env=env, capture_output=True, timeout=120)
    shown = score('réf.tsv', '日本.tsv', '--details')
    assert shown.returncode==0 and not shown.stderr and rb'T\xdcR' in shown.stdout
    out = json.loads(score('réf.tsv', '日本.tsv', '--json').stdout)
    assert (out['correct'], out['missing'])==(1, ['b'])
    for wrong in (('日本.tsv','réf.tsv'), ('réf.tsv','nö.tsv')):
        r = score(*wrong)
        assert r.returncode!=0 and r.stderr.startswith(b'slr_score: error: ') and len(r.stderr.splitlines())==1
