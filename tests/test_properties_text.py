"Tables and language models that people hand over: whatever the bytes are, they are read right or refused by name"
import csv, gzip, io, math, os, re, subprocess, sys, unicodedata
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from slr_nbdev.core import SlrError
from slr_nbdev.tables import gloss_fault
from slr_nbdev.extract_corpus import read_clip_table
from slr_nbdev.language import format_arpa, read_arpa, train_ngram
from slr_nbdev.phoenix import check_phoenix, read_annotations, read_num_frames, write_miniature
from slr_nbdev.recorded import _boston104_clips, _boston104_split, read_boston104

CASES = pytest.mark.parametrize('n', [200, pytest.param(2000, marks=pytest.mark.long)])

def run(n, check, *strategies):
    "`check` on `n` cases, the same ones every time"
    settings(max_examples=n, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))(given(*strategies)(check))()

# The readers. Each writes a file of some bytes among valid ones and gives the content: rows of text, for comparison.

HEADER = {'boston': 'video,speaker,word,startframe,endframe', 'hands': 'video,frame,left-x,left-y,right-x,right-y,nose-x,nose-y',
          'phoenix': 'id|folder|signer|annotation', 'frames': 'id,split,num_frames', 'clips': 'clip,split,signer,glosses'}
ROWS = {
    'boston': [[str(v), 'mann-Ü', w, str(2*i), str(2*i+1)] for v in range(22) for i,w in enumerate(('JOHN','MÜNCHEN'))],
    'hands': [[str(v), str(t), *map(str, (150+t, 180, 160-t, 180.5, 160, 60))] for v in range(24) for t in range(4)],
    'phoenix': [[f'träin-{i}', f'träin-{i}/1/*.png', 'Signer01', '__ON__ loc-NORD  MÜNCHEN'] for i in range(6)],
    'frames': [[f'träin-{i}', 'train', str(10+i)] for i in range(6)],
    'clips': [['hällo', 'train', 'Ann', 'HELLO YOU'], ['monday/b 1', 'dev', 'Ann', 'MÜNCHEN'], ['c', 'test', 'Bo', 'YOU']]}
BASE = {k: '\n'.join([HEADER[k], *[('|' if k=='phoenix' else ',').join(r) for r in rows]])+'\n' for k,rows in ROWS.items()}

def tables(folder):
    for file,text in (('train_words.csv', BASE['boston']), ('hands_condensed.csv', BASE['hands']),
            ('test_words.csv', HEADER['boston']+'\n22,s,JOHN,0,3\n23,s,MÜNCHEN,0,3\n')): (folder/file).write_bytes(text.encode())

def boston(folder, name):
    tables(folder)
    clips = _boston104_clips(folder)
    def read(raw):
        (folder/name).write_bytes(raw)
        return [[u.id, u.signer, g, a, b] for u in _boston104_split(folder, 'train', clips) for g,(a,b) in zip(u.glosses, u.spans)]
    return read

def hands(folder, name):
    tables(folder)
    def read(raw):
        (folder/name).write_bytes(raw)
        return [[video, clip.tobytes().hex()] for video,clip in _boston104_clips(folder).items()]
    return read

def archive(folder):
    write_miniature(folder, dict(train=1, dev=1, test=1))
    (folder/'annotations'/'manual'/'train.corpus.csv').write_bytes(BASE['phoenix'].encode())
    (folder/'num_frames.csv').write_bytes(BASE['frames'].encode())

def phoenix(folder, name):
    archive(folder)
    def read(raw):
        (folder/name).write_bytes(raw)
        return [[a.id, a.folder, a.signer, ' '.join(a.glosses)] for a in read_annotations('phoenix2014', folder, 'train')]
    return read

def frames(folder, name):
    archive(folder)
    def read(raw):
        (folder/name).write_bytes(raw)
        return [[k, str(n)] for k,n in sorted(read_num_frames(folder).items())]
    return read

def clips(folder, name):
    def read(raw):
        (folder/name).write_bytes(raw)
        return [[clip, split, signer, ' '.join(glosses)] for split,rows in read_clip_table(folder/name).items() for clip,signer,glosses in rows]
    return read

READERS = {'boston': (boston, 'train_words.csv'), 'hands': (hands, 'hands_condensed.csv'), 'clips': (clips, 'clips.csv'),
           'phoenix': (phoenix, 'annotations/manual/train.corpus.csv'), 'frames': (frames, 'num_frames.csv')}
TABLES = pytest.mark.parametrize('kind', READERS)

def reader(kind, folder):
    make, name = READERS[kind]
    return make(folder, name)

def outcome(read, raw):
    "What a reader gives; None where it refuses, in one line"
    try: return read(raw)
    except SlrError as e:
        assert str(e) and '\n' not in str(e), e

# Files that something happened to

def damaged(raw):
    "A valid file that was cut, of which bytes changed, or a piece is lost, doubled or foreign"
    place, odd = st.integers(0, len(raw)), st.sampled_from([*(bytes([b]) for b in b'\0\t\n\r ",;|-.09aN<>\\\x1a\xc3\xdc\xff'), b'\r\n', b'\xef\xbb\xbf', b'\xe2\x80\x8b', b'\xc2\xa0', b'nan', b'1e999', b'<UNK>', b'../', b'"\n'])
    def _with(a, b, piece): return raw[:min(a,b)]+piece+raw[max(a,b):]
    cut = st.builds(lambda i: raw[:i], place)
    flipped = st.builds(lambda i, b: raw[:i]+bytes([raw[i]^1<<b])+raw[i+1:], st.integers(0, len(raw)-1), st.integers(0, 7))
    replaced = st.builds(lambda i, k, piece: _with(i, i+k, piece), place, st.integers(0, 3), odd)
    lost_or_doubled = st.builds(lambda a, b, twice: _with(a, b, raw[min(a,b):max(a,b)]*2*twice), place, place, st.booleans())
    return st.one_of(cut, flipped, replaced, lost_or_doubled, st.builds(_with, place, place, st.binary(max_size=40)))

@CASES
@TABLES
def test_any_bytes(kind, n, tmp_path):
    read, header = reader(kind, tmp_path), HEADER[kind].encode()
    text = st.text(st.sampled_from('abAZ019,;|\t"\n\r .-<>/\u00fc\u0308\u200b\u00a0\uff21'), max_size=120).map(str.encode)
    def check(raw): outcome(read, raw)
    run(n, check, st.one_of(st.binary(max_size=200), st.builds(lambda body: header+b'\n'+body, st.one_of(st.binary(max_size=120), text))))

@CASES
@TABLES
def test_damage(kind, n, tmp_path):
    "What is read of a damaged table holds no gloss that can't be one, and every name as it looks"
    read = reader(kind, tmp_path)
    def check(raw):
        for row in outcome(read, raw) or []:
            assert all(unicodedata.is_normalized('NFC', str(cell)) and not gloss_fault(str(cell).replace(' ', '')) for cell in row), row
    run(n, check, damaged(BASE[kind].encode()))

@CASES
@pytest.mark.parametrize('kind,prepare,read', [
    ('boston', tables, read_boston104), ('hands', tables, read_boston104), ('phoenix', archive, lambda folder: check_phoenix('phoenix2014', folder))])
def test_damage_in_a_corpus(kind, prepare, read, n, tmp_path):
    "All that is done with a table when its corpus is opened or checked"
    prepare(tmp_path)
    def check(raw):
        (tmp_path/READERS[kind][1]).write_bytes(raw)
        outcome(lambda raw: read(tmp_path), raw)
    run(n//5, check, damaged(BASE[kind].encode()))

@CASES
@pytest.mark.parametrize('kind', ['clips','phoenix'])
def test_a_table_that_was_cut(kind, n, tmp_path):
    "Rows are right, in their order, and at most the last one is shorter than it was"
    read, raw = reader(kind, tmp_path), BASE[kind].encode()
    whole = read(raw)
    def check(i):
        rows = outcome(read, raw[:i])
        if rows is None: return
        assert rows[:-1]==whole[:len(rows)-1]
        assert all(a.startswith(b) for a,b in zip(whole[len(rows)-1], rows[-1]))
    run(n, check, st.integers(0, len(raw)))

@CASES
@TABLES
def test_as_others_save_it(kind, n, tmp_path):
    "Line breaks, blank lines, marks, quotes, separators, and the form of the letters make no difference"
    read, own = reader(kind, tmp_path), '|' if kind=='phoenix' else ','
    rows = [HEADER[kind].split(own), *ROWS[kind]]
    whole = read(BASE[kind].encode())
    def check(end, separator, form, mark, quoted, pad, blanks, order, last):
        if separator=='|' or own=='|' and separator!=',': quoted = False
        out = io.StringIO()
        write = csv.writer(out, delimiter=separator, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL, lineterminator='\n')
        for row in rows: write.writerow([row[i] if quoted else pad+row[i]+pad for i in order])
        lines = out.getvalue().splitlines()
        for i in sorted(blanks, reverse=True): lines.insert(i%(len(lines)+1), separator*(len(order)-1) if i%2 else '')
        text = unicodedata.normalize(form, end.join(lines)+end*last)
        assert read(mark+text.encode())==whole
    flags = st.sampled_from(['\n','\r\n','\r']), st.sampled_from(sorted({own, *',;\t|'})), st.sampled_from(['NFC','NFD']), st.sampled_from([b'', b'\xef\xbb\xbf'])
    run(n, check, *flags, st.booleans(), st.sampled_from(['',' ','\u00a0']), st.lists(st.integers(0, 60), max_size=4), st.permutations(range(len(rows[0]))), st.integers(0, 3))

@TABLES
@pytest.mark.parametrize('encoding', ['latin1','cp1252','cp850','mac-roman','utf-16','utf-16-le','utf-16-be','utf-32','utf-32-le'])
def test_other_encodings_are_named(kind, encoding, tmp_path):
    make, name = READERS[kind]
    read, text = make(tmp_path, name), BASE[kind]
    if text.isascii(): text = re.sub('^0', 'ü0', text, flags=re.M)
    with pytest.raises(SlrError, match='not UTF-8|NUL byte') as e: read(text.encode(encoding))
    assert name.split('/')[-1] in str(e.value) and 'save it as UTF-8' in str(e.value)
    if encoding in ('latin1','cp1252','cp850','mac-roman'):
        assert f'line {next(i for i,line in enumerate(text.splitlines(), 1) if not line.isascii())}:' in str(e.value)

@TABLES
@pytest.mark.parametrize('blank', ['', '\n', '\r\n\r\n', '\n,,\n'])
def test_errors_name_the_line_that_an_editor_shows(kind, blank, tmp_path):
    read, lines = reader(kind, tmp_path), BASE[kind].splitlines()
    own = '|' if kind=='phoenix' else ','
    lines[2] = own.join(lines[2].split(own)[:-1]) # a missing cell
    text = (blank.replace(',,', own*lines[0].count(own))+'\n').join(lines)
    line = next(i for i,l in enumerate(re.split('\r\n|\r|\n', text), 1) if l==lines[2])
    with pytest.raises(SlrError, match=f'line {line}: {lines[0].count(own)} columns, expected {lines[0].count(own)+1}'): read(text.encode())

@pytest.mark.parametrize('kind', ['boston','phoenix','clips'])
@pytest.mark.parametrize('word', ['<BLANK>','<PAD>','<UNK>','<unk>','<s>','</s>','HEL\u200bLO','HEL\u00adLO','\uff28\uff29','A\ufeff','HELLO,','A\u200dB','A\u2060B','\u202eA'])
def test_what_can_not_be_a_gloss_is_named_with_its_line(kind, word, tmp_path):
    read, lines = reader(kind, tmp_path), BASE[kind].splitlines()
    cell = f'"{word}"' if kind!='phoenix' else word
    lines[2] = {'boston': f'0,s,{cell},5,6', 'phoenix': f'x|x|s|{word}', 'clips': f'x,train,s,{cell}'}[kind]
    with pytest.raises(SlrError, match='line 3: column'): read('\n'.join(lines).encode())

# Language models

LM = train_ngram([s.split() for s in ('A MÜNCHEN C', 'A MÜNCHEN D', 'MÜNCHEN C A', 'A D')], 3)
ARPA = format_arpa(LM)

def arpa(folder):
    def read(raw):
        (folder/'lm.arpa').write_bytes(raw)
        lm = read_arpa(folder/'lm.arpa')
        lm.log10('A', ('A','D')), lm.log10('unheard', ('<s>',))
        return lm.order, lm.probs, lm.backoffs
    return read

@CASES
def test_arpa_of_any_bytes(n, tmp_path):
    read = arpa(tmp_path)
    text = st.lists(st.sampled_from(['\\data\\','ngram 1=3','ngram 2=1','','\\1-grams:','\\2-grams:','\\end\\','-1 <s>','-1 </s>','-1 A -1','-1 <s> A','x','0.5 B','-inf C']), max_size=14).map(lambda l: '\n'.join(l).encode())
    def check(raw): outcome(read, raw)
    run(n, check, st.one_of(st.binary(max_size=200), text))

@CASES
def test_damaged_arpa(n, tmp_path):
    "Whatever is read has the n-grams that its head tells of, numbers that are finite, and words as they look"
    read = arpa(tmp_path)
    whole = read(ARPA.encode())
    def check(raw):
        found = outcome(read, raw)
        if found is None: return
        order, probs, backoffs = found
        assert order<=3 and len(probs)<=len(whole[1])+1 and all(-1e99<p<=1e-6 for p in probs.values()) and all(map(math.isfinite, backoffs.values()))
        assert not any(unicodedata.normalize('NFC', w)!=w or not w.isprintable() for g in probs for w in g)
    run(n, check, damaged(ARPA.encode()))

@CASES
def test_a_cut_arpa_is_never_a_model(n, tmp_path):
    read, raw = arpa(tmp_path), ARPA.encode()
    def check(i): assert (outcome(read, raw[:i]) is not None)==(i>=len(raw.rstrip()))
    run(n, check, st.integers(0, len(raw)))

@CASES
def test_arpa_as_others_write_it(n, tmp_path):
    read = arpa(tmp_path)
    whole = read(ARPA.encode())
    def check(end, form, mark, blank, unknown, before, blanks, zeros):
        lines = [l.replace('\t', blank).replace('<unk>', unknown).replace('=', blank+'='+blank) for l in ARPA.splitlines()]
        if not zeros: lines = [re.sub(r'\s+-?0\.0000000$', '', l) for l in lines]
        for i in blanks: lines.insert(1+i%(len(lines)-1), '  ')
        text = unicodedata.normalize(form, end.join([*before, *lines, '']))
        order, probs, backoffs = read(mark+text.encode())
        assert (order, probs)==whole[:2] and {g: w for g,w in backoffs.items() if w}=={g: w for g,w in whole[2].items() if w}
    run(n, check, st.sampled_from(['\n','\r\n','\r']), st.sampled_from(['NFC','NFD']), st.sampled_from([b'', b'\xef\xbb\xbf']), st.sampled_from(['\t',' ','  \t ']),
        st.sampled_from(['<unk>','<UNK>','<Unk>']), st.lists(st.sampled_from(['', 'made by a toolkit', 'ngram 1=7'])), st.lists(st.integers(0, 99), max_size=3), st.booleans())

def test_packed_and_foreign_files_are_named(tmp_path):
    for raw,says in ((gzip.compress(ARPA.encode()), 'gzip'), (b'PK\x03\x04 and so on', 'Excel workbook'), (ARPA.encode('utf-16'), 'UTF-16'), (ARPA.encode('latin1'), 'line')):
        with pytest.raises(SlrError, match=says): arpa(tmp_path)(raw)

ASCII_ONLY = """
import os, sys
from pathlib import Path
from slr_nbdev.core import SlrError
from slr_nbdev.tables import read_table
from slr_nbdev.extract_corpus import plan_extraction
from slr_nbdev.language import read_arpa, train_ngram, write_arpa
from slr_nbdev.phoenix import check_phoenix, write_miniature
assert sys.getfilesystemencoding()=='ascii'
top = Path(os.fsdecode('M\\u00dcNCHEN'.encode()))
mini = write_miniature(top/'p')
for path in (mini/'annotations'/'manual'/'train.corpus.csv', mini/'num_frames.csv'):
    path.write_text(path.read_text(encoding='utf-8').replace('train-1', 'tr\\u00e4in-1'), encoding='utf-8')
frames = mini/'features'/'fullFrame-210x260px'/'train'/os.fsdecode('tra\\u0308in-1'.encode())/'1' # as a Mac spells it
frames.mkdir(parents=True)
(frames/'0.png').write_bytes(b'')
assert check_phoenix('phoenix2014', mini)['splits']['train']['frame_counts_differ'][0].startswith('tr\\u00e4in-1 (1 frames')
for name in ('Mu\\u0308','b','c'): (top/os.fsdecode(f'{name}.mp4'.encode())).write_bytes(b'')
(top/'clips.csv').write_text('clip,split,signer,glosses\\nM\\u00fc,train,s,\\u00dc\\nb,dev,s,A\\nc,test,s,A\\n', encoding='utf-8')
clips, plan, _ = plan_extraction(top)
assert clips['M\\u00fc'].is_file() and plan['train']==[('M\\u00fc', 's', ('\\u00dc',))]
assert '\\u00dc' in read_arpa(write_arpa(top/'lm.arpa', train_ngram([['\\u00dc']], 2))).words
(top/'clips.csv').write_text('clip\\nM\\u00fc <UNK>\\n', encoding='utf-8')
try: read_table(top/'clips.csv', ['clip'], glosses=['clip'])
except SlrError as e: sys.exit(f'error: {e}')
"""

def test_where_the_system_knows_only_ascii(tmp_path):
    r = subprocess.run([sys.executable, '-c', ASCII_ONLY], cwd=tmp_path, env=os.environ|dict(LC_ALL='C', PYTHONUTF8='0'), capture_output=True, text=True)
    assert r.returncode==1 and r.stdout=='' and len(r.stderr.splitlines())==1, r.stderr
    assert r.stderr.startswith('error: ') and 'clips.csv line 2: column clip holds' in r.stderr
