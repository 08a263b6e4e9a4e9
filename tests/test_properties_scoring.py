"Laws of the error rates under every protocol, and readers of sentences that meet any bytes"
import json, re
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from slr_nbdev.core import SlrError
from slr_nbdev.tables import nfc
from slr_nbdev.phoenix import clean_gloss
from slr_nbdev.scoring import IGNORED, PROTOCOLS, align_corpus, clean_phoenix2014T, read_scoring_file, score_files, total

often = pytest.mark.parametrize('cases', [200, pytest.param(2000, marks=pytest.mark.long)])

def holds(cases, *args, **kwargs):
    "Try a law on that many cases, the same ones every time"
    steady = settings(max_examples=cases, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    return lambda law: steady(given(*args, **kwargs)(law))()

# Sentences. Glosses are plain where no clean-up touches them, alone or beside others.
# phoenix2014 cleans the hypothesis alone: a reference with `loc-` in it is not even equal to itself, so its laws are about plain glosses.
# phoenix2014T and phoenix2014-collapsed merge neighbours: taking B out of A B A also merges what is left, so theirs are about sentences without repeats.
def is_plain(g): return clean_gloss(g)==g and clean_phoenix2014T([g])==[g] and g not in ('SCH','NN','WIE','AUSSEHEN')
plain = st.from_regex('[A-Z]{2,5}', fullmatch=True).filter(is_plain)
any_gloss = st.text(st.characters(codec='utf-8'), min_size=1, max_size=6).filter(lambda g: g.split()==[g])
special = st.sampled_from(['loc-NORD','cl-KOMMEN','REGEN-PLUSPLUS','NORDRAUM','RAUM','__ON__','__EMOTION__','S','H','A','SCH','NN','WIE','AUSSEHEN','S+H','IX'])
GLOSSES = {p: any_gloss if p=='raw' else plain for p in PROTOCOLS}
MERGES = {'phoenix2014-collapsed','phoenix2014T'}
each = pytest.mark.parametrize('protocol', PROTOCOLS)

def sentence(protocol, least=1): return st.lists(GLOSSES[protocol], min_size=least, max_size=8, unique=protocol in MERGES)

def kinds(reference, hypothesis, protocol, unit=False):
    s = total(align_corpus({'a': reference}, {'a': hypothesis}, protocol, unit=unit))
    return s.substitutions, s.deletions, s.insertions

def test_every_protocol_is_tried(): assert set(PROTOCOLS)=={'raw','phoenix2014','phoenix2014-collapsed','phoenix2014T'}

@often
@each
def test_a_sentence_has_no_errors_against_itself(protocol, cases):
    @holds(cases, sentence(protocol))
    def law(x): assert [kinds(x, x, protocol, unit) for unit in (False,True)]==[(0,0,0)]*2

@often
def test_phoenix2014T_treats_both_sides_alike(cases):
    "Here the law holds for every sentence of which something is left"
    @holds(cases, st.lists(special|plain, min_size=1, max_size=8).filter(clean_phoenix2014T))
    def law(x): assert kinds(x, x, 'phoenix2014T')==(0,0,0)

def test_phoenix2014_does_not():
    "Its references are given clean; one that isn't can't be reached. And a repeat in the reference is lost where the hypothesis alone is merged"
    assert kinds(['loc-NORD'], ['loc-NORD'], 'phoenix2014')==(1,0,0)
    assert kinds(['IX','IX'], ['IX','IX'], 'phoenix2014-collapsed')==(0,1,0)

@often
@each
def test_other_names_for_the_glosses_change_nothing(protocol, cases):
    @holds(cases, st.data())
    def law(data):
        names = data.draw(st.lists(GLOSSES[protocol], min_size=4, max_size=4, unique=True))
        others = dict(zip(names, data.draw(st.permutations(names))))
        r, h = (data.draw(st.lists(st.sampled_from(names), min_size=n, max_size=8)) for n in (1, 0))
        for unit in (False, True):
            assert kinds(r, h, protocol, unit)==kinds([others[g] for g in r], [others[g] for g in h], protocol, unit)

@often
@each
def test_one_gloss_too_many_one_too_few_one_wrong(protocol, cases):
    @holds(cases, st.data())
    def law(data):
        x = data.draw(sentence(protocol, least=2))
        i, new = data.draw(st.integers(0, len(x)-1)), data.draw(GLOSSES[protocol].filter(lambda g: g not in x))
        for unit in (False, True):
            assert kinds(x, [*x[:i],new,*x[i:]], protocol, unit)==(0,0,1)
            assert kinds(x, [*x,new], protocol, unit)==(0,0,1)
            assert kinds(x, [*x[:i],*x[i+1:]], protocol, unit)==(0,1,0)
            assert kinds(x, [*x[:i],new,*x[i+1:]], protocol, unit)==(1,0,0)

@often
@each
def test_words_and_errors_add_up(protocol, cases):
    "Whatever the sentences are: every gloss of the cleaned reference is correct, substituted or deleted, every gloss of the hypothesis correct, substituted or inserted"
    one = st.lists(special|plain|any_gloss, max_size=8)
    @holds(cases, one.filter(bool), one)
    def law(r, h):
        p = PROTOCOLS[protocol]
        if not p.reference(r):
            with pytest.raises(SlrError, match='leaves no gloss'): kinds(r, h, protocol)
            return
        for unit in (False, True):
            s = total(align_corpus({'a': r}, {'a': h}, protocol, unit=unit))
            assert s.correct+s.substitutions+s.deletions==s.words==len(p.reference(r))
            assert s.correct+s.substitutions+s.insertions==len(p.hypothesis(h))

# Readers
KINDS = 'stm', 'ctm', 'tsv'
of_each_kind = pytest.mark.parametrize('kind', KINDS)
name = st.from_regex('[a-zü0-9_-]{1,6}', fullmatch=True).map(nfc)
gloss = plain|special|st.sampled_from(['TÜR','neg-ÜBER','IX-1p','wo-','A/B','日本'])
label, confidence, remark = st.sampled_from(['', '<o,f0> ', '<> ']), st.sampled_from(['', ' 0.97', ' -6.763', ' NA']), st.sampled_from(['', '', '\n', ';; LABEL "o"\n', ' ;;\n'])

def contents(least=0): return st.dictionaries(name, st.lists(gloss, min_size=least, max_size=5), min_size=1, max_size=4)

@st.composite
def valid_file(draw, kind, content=None):
    "Bytes of a file as people write it, and its content"
    sentences, text = content or draw(contents(kind=='ctm')), ''
    for id,glosses in sentences.items():
        text += draw(remark)
        if kind=='stm': text += f"{id} 1 s 0.0 {draw(st.sampled_from(['9.5','1.79769e+308']))} {draw(label)}{' '.join(glosses)}\n"
        if kind=='tsv': text += f"{id}\t{draw(st.sampled_from(['',' ']))}{' '.join(glosses)}\n"
        if kind=='ctm': text += ''.join(draw(st.permutations([f'{id} 1 {i/10} 0.1 {g}{draw(confidence)}\n' for i,g in enumerate(glosses)])))
    ends, mark = draw(st.sampled_from(['\n','\r\n','\r'])), draw(st.sampled_from(['','\ufeff']))
    return (mark+text.replace('\n', ends)).encode(), sentences

def written(kind, data):
    "What the lines of a file say, by other means: id → words behind the columns"
    out = {}
    for line in re.split('\r\n|\n|\r', nfc(data.decode('utf-8-sig'))):
        if not line.strip() or line.lstrip().startswith(';;'): continue
        id, rest = ((s := line.partition('\t'))[0].strip(), s[2].split()) if kind=='tsv' else ((s := line.split())[0], s[5:] if kind=='stm' else s[4:5])
        out.setdefault(id, []).extend(rest)
    return out

def read_or_refuse(path, kind, data):
    "The content of the file and nothing else, or an `SlrError`; any other exception is a fault"
    path.write_bytes(data)
    try: found = read_scoring_file(path)
    except SlrError as e: return str(path) in str(e) or pytest.fail(f'the error does not name the file: {e}')
    said = written(kind, data)
    assert set(said)==set(found.glosses)|set(found.ignored)
    for id,glosses in found.glosses.items():
        if kind=='ctm': assert sorted(glosses)==sorted(said[id])
        else: assert glosses==said[id] or kind=='stm' and said[id][0].startswith('<') and glosses==said[id][1:]
    for id in found.ignored: assert said[id][-1].upper()==IGNORED

@often
@of_each_kind
def test_valid_files_are_read_as_they_are(kind, cases, tmp_path):
    @holds(cases, valid_file(kind))
    def law(made):
        data, sentences = made
        (tmp_path/f'x.{kind}').write_bytes(data)
        found = read_scoring_file(tmp_path/f'x.{kind}')
        assert found.glosses=={k: [nfc(g) for g in v] for k,v in sentences.items()} and not found.ignored

@often
@of_each_kind
def test_cuts_and_flips_are_read_right_or_refused(kind, cases, tmp_path):
    @holds(cases, valid_file(kind), st.data())
    def law(made, data):
        whole, at = made[0], data.draw(st.integers(0, len(made[0])-1))
        read_or_refuse(tmp_path/f'x.{kind}', kind, whole[:at])
        flipped = bytes([whole[at]^(1<<data.draw(st.integers(0, 7)))])
        read_or_refuse(tmp_path/f'x.{kind}', kind, whole[:at]+flipped+whole[at+1:])
        read_or_refuse(tmp_path/f'x.{kind}', kind, whole[:at]+whole[at+1:])

@often
@of_each_kind
def test_any_bytes_are_read_right_or_refused(kind, cases, tmp_path):
    close = st.text('aAB1.0 -+\t\n\r;<>{}()/@%*_é\u0308\ufeff\u00a0\u2028\0', max_size=60)
    lines = st.lists(st.sampled_from(['a', '1', '0', '1e9', 'nan', '-1', '*', 'A', '<o,f0>', '<UNK>', IGNORED, '{', '\t', ';;', '(A)', '%A', '\n']), max_size=30).map(' '.join)
    @holds(cases, st.binary(max_size=80)|close.map(str.encode)|lines.map(str.encode))
    def law(data): read_or_refuse(tmp_path/f'x.{kind}', kind, data)

@often
@each
def test_any_two_files_are_scored_or_refused(protocol, cases, tmp_path):
    "And what is scored is numbers: JSON knows no nan"
    scored = []
    @holds(cases, st.data())
    def law(data):
        refs = data.draw(contents(1))
        hyps = data.draw(st.fixed_dictionaries({}, optional={k: st.lists(gloss, max_size=5) for k in refs}).filter(bool))
        paths = [tmp_path/f'{role}.{data.draw(st.sampled_from(KINDS))}' for role in ('ref','hyp')]
        for path,content in zip(paths, (refs, hyps)):
            whole = data.draw(valid_file(path.suffix[1:], content))[0]
            path.write_bytes(whole[:data.draw(st.none()|st.integers(0, len(whole)))])
        try: r = score_files(*paths, protocol)
        except SlrError: return
        scored.append(r['words'])
        json.dumps({k: v for k,v in r.items() if k not in ('aligned','unit','raw')}, allow_nan=False)
    assert len(scored)>cases/4
