"Recordings in the `MP_Data` layout: damaged files, odd folders, and what the commands say about them"
import json, os, shutil, subprocess
from itertools import permutations
from pathlib import Path
import numpy as np, pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from conftest import BIN
from slr_nbdev.core import SlrError
from slr_nbdev.corpora import fingerprint
from slr_nbdev.points import standing_pose
from slr_nbdev.recorded import check_order, landmarks_from_holistic, load_recording, read_asl_words, read_mp_data, survey_mp_data

def frame(t=0, width=258, dtype=np.float64):
    "One frame of somebody whose left hand goes up, as MediaPipe Holistic gives it"
    xy = standing_pose().astype(float)
    xy[15,1] -= .02*t
    hands = [np.pad(xy[k]+np.linspace(0, .05, 21)[:,None], ((0,0),(0,1))).ravel() for k in (15,16)]
    pose = np.concatenate([xy, np.zeros((33,1)), np.ones((33,1))], 1).ravel()
    return np.concatenate([pose, np.zeros(1404 if width==1662 else 0), *hands]).astype(dtype)

def write_recording(folder, n=4, **kw):
    folder.mkdir(parents=True)
    for t in range(n): np.save(folder/f'{t}.npy', frame(t, **kw))
    return folder

def grow(root, words=('hello','thanks'), n=6):
    for word in words:
        for i in range(n): write_recording(root/word/str(i))
    return root

def cases(n): return settings(max_examples=n, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))

def both(strategies, check):
    "A property as a test of 200 cases and one of 2,000"
    usual = cases(200)(given(**strategies)(check))
    many = pytest.mark.long(cases(2000)(given(**strategies)(check)))
    return usual, many

# Damage to the bytes of one frame: content as before, other numbers of the same shape, or an error with a name

@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    "Two words with four recordings each, of which the properties damage one"
    return grow(tmp_path_factory.mktemp('whole')/'MP_Data', n=4)

def damaged(content, how, place, what):
    "The bytes of a file, cut, with bits turned, with other bytes put in, or quite others"
    at = place%(len(content)+1)
    if how=='cut': return content[:at]
    if how=='flip': return bytes(b^(what[0] if i in (at, at//7) else 0) for i,b in enumerate(content)) if what else content
    if how=='insert': return content[:at]+what+content[at:]
    return what

DAMAGE = dict(how=st.sampled_from(['cut','flip','insert','replace']), place=st.integers(0, 5000), what=st.binary(max_size=80), layout=st.booleans())

def check_damage(whole, how, place, what, layout):
    "The survey ends, and each recording is read, left out or named as a fault"
    path = whole/'hello'/'1'/'2.npy'
    if layout: # one file a recording
        shutil.move(path.parent, whole.parent/'aside')
        path = whole/'hello'/'1.npy'
        np.save(path, np.stack([frame(t) for t in range(4)]))
    content, name = path.read_bytes(), path if layout else path.parent
    try:
        path.write_bytes(damaged(content, how, place, what))
        same = path.read_bytes()[:len(content)]==content
        found = survey_mp_data(whole)
        read = {r.path: r for rs in found.words.values() for r in rs}
        assert len(read)+len(found.left_out)+len(found.faults)==8
        assert (name in read)+(name in found.left_out)+any(f.startswith(str(name)) for f in found.faults)==1
        if how=='cut' and not same: assert found.faults
        if same: np.testing.assert_allclose(read[name].landmarks[2,15], standing_pose()[15]-[0,.04], atol=1e-6)
        if name in read: assert read[name].landmarks.shape==(4,33,2) and not np.isinf(read[name].landmarks).any()
    finally:
        path.write_bytes(content)
        if layout:
            path.unlink()
            shutil.move(whole.parent/'aside', whole/'hello'/'1')

test_damaged_bytes, test_damaged_bytes_many = both(DAMAGE, check_damage)

# Folders: numbering with gaps, two layouts, widths, types, copies, clutter

FOLDERS = dict(
    numbers=st.sets(st.integers(0, 12), min_size=2, max_size=9), first=st.sampled_from([0,1,100]), digits=st.integers(1, 5),
    prefix=st.sampled_from(['','frame_','a 1-','Ü']), width=st.sampled_from([258,1662]), dtype=st.sampled_from(['f2','f4','f8','>f8','<f4']),
    extras=st.sets(st.sampled_from(['.DS_Store','._0.npy','Thumbs.db','notes.txt','copy','Copy of']), max_size=4))

def check_folder(tmp_path_factory, numbers, first, digits, prefix, width, dtype, extras):
    "Every frame is at its place, missing ones are NaN, and nothing else is counted as a frame"
    folder = tmp_path_factory.mktemp('r')
    names = {t: f'{prefix}{first+t:0{digits}}' for t in numbers}
    for t,name in names.items(): np.save(folder/f'{name}.npy', frame(t, width, dtype))
    low, span = min(numbers), max(numbers)-min(numbers)+1
    for e in extras:
        name = {'copy': f'{names[low]} (copy).npy', 'Copy of': f'Copy of {names[low]}.npy'}.get(e, e)
        shutil.copy(folder/f'{names[low]}.npy', folder/name) if name.endswith('.npy') and name[0]!='.' else (folder/name).write_bytes(b'x')
    try: r = load_recording(folder)
    except SlrError as e: assert span>2*len(numbers) and 'more than half are missing' in str(e)
    else:
        assert (len(r.landmarks), r.missing, r.without_person)==(span, span-len(numbers), 0)
        assert len(r.left_out)==len(extras & {'notes.txt','copy','Copy of'})
        for t in numbers: np.testing.assert_allclose(r.landmarks[t-low,15], standing_pose()[15]-[0,.02*t], atol=1e-3)
    finally: shutil.rmtree(folder)

test_folders, test_folders_many = both(FOLDERS, check_folder)

# What lies in people's folders

def test_faults_are_told_together(tmp_path):
    root = grow(tmp_path/'MP_Data', ('hello','Hello','<UNK>','few','wide'), n=3)
    shutil.rmtree(root/'few'/'1')
    (root/'empty').mkdir()
    for i in range(3): np.save(root/'wide'/str(i)/'0.npy', np.zeros(126))
    with pytest.raises(SlrError) as e: read_mp_data(root)
    said = str(e.value)
    assert '7 faults' in said and 'and 2 more' in said and '\n' not in said
    assert "'Hello', 'hello'" in said and '<UNK>: a reserved name' in said and 'empty: 0 recordings' in said
    faults = ' | '.join(survey_mp_data(root).faults)
    assert 'few: 2 recordings' in faults and faults.count('two hands and no body')==3

@pytest.mark.parametrize('name,gloss', [('thank you','thank-you'), ('THANK YOU','THANK-YOU'), ('U\u0308BER','ÜBER'), (' a  b ','a-b'), ('a\nb','a-b')])
def test_names_become_glosses(tmp_path, capsys, name, gloss):
    corpus = read_mp_data(grow(tmp_path/'MP_Data', (name,'hello'), n=3))
    assert {g for u in corpus.train for g in u.glosses}=={gloss,'hello'}
    assert 'read as another gloss, without blanks and in NFC (1): ' in (err := capsys.readouterr().err) and gloss in err and len(err.splitlines())==1

@pytest.mark.parametrize('names', [('Hello','hello'), ('thank you','thank-you'), ('U\u0308BER','ÜBER'), ('thank you','Thank-You')])
def test_one_gloss_in_two_folders(tmp_path, names):
    with pytest.raises(SlrError, match='one gloss'): read_mp_data(grow(tmp_path/'MP_Data', names, n=3))

def test_layouts_give_the_same_corpus(tmp_path):
    "Nested once or twice; a file a recording; with clutter; behind a link"
    plain = fingerprint(read_mp_data(grow(tmp_path/'a', n=5)))
    for deep in ('b/MP_Data','c/MP_Data/MP_Data'): grow(tmp_path/deep, n=5)
    for word in ('hello','thanks'):
        (tmp_path/'d'/'MP_Data'/word).mkdir(parents=True)
        for i in range(5): np.save(tmp_path/'d'/'MP_Data'/word/f'{i}.npy', np.stack([frame(t) for t in range(4)]))
    for name in ('.DS_Store','Thumbs.db','.ipynb_checkpoints','__MACOSX'): (tmp_path/'b'/'MP_Data'/name).mkdir()
    (tmp_path/'e').mkdir()
    for word in ('hello','thanks'): (tmp_path/'e'/word).symlink_to(tmp_path/'a'/word)
    (tmp_path/'e'/'hello'/'again').symlink_to(tmp_path/'a'/'hello'/'0')
    for root in 'bcde': assert fingerprint(read_mp_data(tmp_path/root))==plain, root
    left_out = survey_mp_data(tmp_path/'e').left_out
    assert [(p.name, why) for p,why in left_out.items()]==[('again','a link to 0')]

@pytest.mark.parametrize('root,says', [('x','a level too many: test, train'), ('x/train/hello','folder of a single word'), ('x/train/hello/0','folder of a single recording'), ('y','no folder of a word'), ('z','no such folder')])
def test_the_wrong_level(tmp_path, root, says):
    for part in ('train','test'): grow(tmp_path/'x'/part)
    (tmp_path/'y').mkdir()
    with pytest.raises(SlrError, match=says): read_mp_data(tmp_path/root)

def test_links_that_lead_nowhere_and_pipes(tmp_path):
    "Nothing hangs and nothing is lost"
    root = grow(tmp_path/'MP_Data', n=4)
    (root/'gone').symlink_to(tmp_path/'nowhere')
    (root/'loop').symlink_to(root/'loop')
    (root/'hello'/'up').symlink_to(root)
    (root/'hello'/'1'/'1.npy').unlink()
    (root/'hello'/'1'/'1.npy').symlink_to('nowhere.npy')
    os.mkfifo(root/'thanks'/'0'/'4.npy')
    found = survey_mp_data(root)
    assert {p.name for p in found.left_out}>={'gone','loop'}
    assert len(found.faults)==3 and all('can be read' in f or 'no frames' in f for f in found.faults)

def test_pickles_are_not_opened(tmp_path):
    root = grow(tmp_path/'MP_Data')
    ran = tmp_path/'ran'
    class Trap:
        def __reduce__(self): return (Path.touch, (ran,))
    np.save(root/'hello'/'0'/'0.npy', np.array([Trap()], dtype=object), allow_pickle=True)
    (root/'hello'/'1'/'0.npy').write_bytes(__import__('pickle').dumps(Trap()))
    np.savez(root/'hello'/'2'/'0.npz', frame())
    (root/'hello'/'2'/'0.npz').rename(root/'hello'/'2'/'0.npy')
    with pytest.raises(SlrError, match='3 faults: hello/0/0.npy: not a NumPy array'): read_mp_data(root)
    assert not ran.exists()

def test_one_frame_is_a_recording(tmp_path):
    root = tmp_path/'MP_Data'
    for word in 'ab':
        for i in range(4): write_recording(root/word/str(i), n=1)
    assert all(np.isfinite(u.landmarks).any() for u in read_mp_data(root).train)

COPIES = ['0 (copy)','0 (1)','0(1)','0 copy','0 copy 2','0 - Copy','0 - Copy (2)','0 - Kopie','0 (Kopie)','Kopie von 0','0 (another copy)','0 (3rd copy)','Copy of 0']

@pytest.mark.parametrize('name', COPIES)
def test_copies_of_a_file_manager(tmp_path, name):
    "Of a frame and of a recording, by what several systems call them; `x (1)` may be another sign"
    root = grow(tmp_path/'MP_Data', ('x','x (1)'), n=3)
    shutil.copy(root/'x'/'2'/'0.npy', root/'x'/'2'/f'{name}.npy')
    shutil.copytree(root/'x'/'0', root/'x'/name)
    found = survey_mp_data(root)
    assert {p.name: why for p,why in found.left_out.items()}=={f'{name}.npy': 'a copy of 0.npy', name: 'a copy of 0'}
    assert {g: len(r) for g,r in found.words.items()}=={'x': 3, 'x-(1)': 3} and not found.faults

@pytest.mark.parametrize('names,says', [(('0','00'),'same number'), (('0','1000'),'more than half are missing'), (('0','x'),'no number'), (('0','0 2'),'several names'), (('a0','b1'),'several names'), (('-1','0'),'several names')])
def test_names_that_number_nothing(tmp_path, names, says):
    for name in names: np.save(tmp_path/f'{name}.npy', frame())
    with pytest.raises(SlrError, match=says): load_recording(tmp_path)

# The order of a frame

def blocks(pose_file):
    "A real recording with MediaPipe Holistic, cut into its blocks"
    Pose = pytest.importorskip('pose_format').Pose
    pose = Pose.read(pose_file.read_bytes())
    d = pose.header.dimensions
    x = np.ma.filled(pose.body.data, 0)[:,0,:,:3].astype(float)/(d.width, d.height, d.width)
    body = np.concatenate([x[:,:33], pose.body.confidence[:,0,:33,None]], -1)
    return {k: a.reshape(len(x), -1) for k,a in dict(pose=body, face=x[:,33:501], left=x[:,501:522], right=x[:,522:]).items()}

@pytest.mark.parametrize('name', ['autsl_signer0_sample1000','phoenix14t_sample'])
@pytest.mark.parametrize('hands', [True, False])
def test_every_order_of_a_real_recording(real_data, name, hands):
    parts = blocks(real_data/'media'/f'{name}.pose')
    if not hands: parts |= {k: parts[k]*0 for k in ('left','right')}
    for order in [*permutations(('pose','left','right')), *permutations(parts)]:
        frames = np.concatenate([parts[k] for k in order], 1)
        likely = ', '.join(k.replace('left','hand').replace('right','hand') for k in order)
        try: check_order(frames, [f'{i}.npy' for i in range(len(frames))])
        except SlrError as e: assert order[0]!='pose' and str(e).endswith(f'these look like {likely}'), (order, str(e))
        else: assert order[0]=='pose', order

def test_real_recordings_are_in_order(real_data):
    "None of 3,120 is refused, and with the hands first each one is"
    data = np.load(real_data/'asl_words_mp.npz')
    pad = lambda x, *more: np.concatenate([x, np.zeros_like(x[...,:1]), *more], -1).reshape(*x.shape[:2], -1)
    pose = pad(data['pose_xy'], data['visibility'].astype(np.float32)[...,None])
    hands = pad(data['hands_xy'])
    names = range(pose.shape[1])
    for p,h in zip(pose, hands): check_order(np.concatenate([p, h], 1), names)
    for p,h in zip(pose[::20], hands[::20]):
        with pytest.raises(SlrError, match='hand, hand, pose'): check_order(np.concatenate([h, p], 1), names)

# The packed words

def test_damaged_archives(tmp_path):
    n = 20
    arrays = dict(pose_xy=np.repeat(standing_pose()[None,None], n, 0), visibility=np.ones((n,1,33), np.float16), label=np.array(['a','b']*(n//2)),
                  session=np.array((['34b17b694']*6+['a274f4c09']*6+['x']*8)), signer=np.array(['S1']*n))
    np.savez_compressed(tmp_path/'w.npz', **arrays)
    assert len(read_asl_words(tmp_path/'w.npz').test)
    content, rng = (tmp_path/'w.npz').read_bytes(), np.random.default_rng(0)
    for i in range(200):
        bad = bytearray(content[:rng.integers(len(content))] if i%2 else content)
        for k in rng.integers(len(bad), size=3) if len(bad) else (): bad[k] ^= int(rng.integers(256))
        (tmp_path/'bad.npz').write_bytes(bad)
        try: read_asl_words(tmp_path/'bad.npz')
        except SlrError as e: assert 'bad.npz' in str(e) or 'asl_words: no utterances' in str(e), e

# Commands

def test_check_shows_what_would_be_read(call, tmp_path):
    root = grow(tmp_path/'MP_Data', ('hello','thank you'))
    for t in range(4): np.save(root/'hello'/'3'/f'{t}.npy', frame()*0)
    np.save(root/'hello'/'2'/'0.npy', frame()*0)
    (root/'hello'/'1'/'2.npy').unlink()
    (root/'notes.txt').write_text('')
    r = call('slr_data','check','mp_data','--root',root,'--json')
    found = json.loads(r.stdout)
    assert r.returncode==0 and r.stderr==''
    assert found['words']=={'hello': 5, 'thank-you': 6}
    assert [found[k] for k in ('recordings','frames','frames_without_person','missing_frames')]==[11,44,1,1]
    assert set(found['left_out'])=={'hello/3','notes.txt'} and 'nobody was found' in found['left_out']['hello/3']
    text = call('slr_data','check','mp_data','--root',root).stdout
    for line in ('recordings +11','frames without a person +1','missing frames +1','left out +2','left out: notes.txt','thank you .thank-you.'):
        assert __import__('re').search(line, text), (line, text)

def in_c_locale(*args, cwd): return subprocess.run([BIN/args[0], *map(str, args[1:])], cwd=cwd, capture_output=True, timeout=100, env=os.environ|dict(LC_ALL='C', PYTHONUTF8='0'))

def test_another_locale(tmp_path):
    root = grow(tmp_path/'Über'/'MP_Data', ('Ü','thank you'), n=3)
    plain = read_mp_data(root)
    r = in_c_locale('slr_data','check','mp_data','--root',root,'--json', cwd=tmp_path)
    assert r.returncode==0 and set(json.loads(r.stdout)['words'])=={'Ü','thank-you'} and plain
    r = in_c_locale('slr_data','check','mp_data','--root',root, cwd=tmp_path)
    assert r.returncode==0 and b'\\xdc 3' in r.stdout and not r.stderr, r
    os.rename(os.fsencode(root/'Ü'), os.fsencode(root)+b'/\xff')
    for run in (in_c_locale, lambda *a, cwd: subprocess.run([BIN/a[0], *map(str, a[1:])], cwd=cwd, capture_output=True)):
        r = run('slr_data','check','mp_data','--root',root, cwd=tmp_path)
        assert r.returncode==1 and len(r.stderr.splitlines())==1 and b'not a name for a word' in r.stderr, r
