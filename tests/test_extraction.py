"Extraction: what only whole commands, other processes and real clips can show"
import json, os, shutil, signal, subprocess, time, warnings
from pathlib import Path
import numpy as np, psutil, pytest
from conftest import BIN
from slr_nbdev.core import SlrError

@pytest.fixture
def hand(model):
    "The hand model, or a skip that says why there is none"
    from slr_nbdev.pose_model import hand_model
    try: return hand_model()
    except SlrError as e: pytest.skip(f"hands can't be tested: {e}")

def rows(out): return [json.loads(l) for l in (out/'extraction.jsonl').read_text().splitlines() if l]

CRASH = '''
"A stand-in for a clip that crashes MediaPipe: the process dies when a clip of this name comes"
import os, signal
from pathlib import Path
from slr_nbdev import extract_corpus
def deadly(path, *args, extract=extract_corpus.extract):
    if 'deadly' in str(path): os.kill(os.getpid(), signal.SIGKILL)
    return extract(path, *args)
extract_corpus.extract = deadly
'''

def start(tmp_path, *args, **env):
    return subprocess.Popen([BIN/'slr_extract', *map(str, args)], cwd=tmp_path, env=os.environ|env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

def test_a_killed_worker_and_a_clip_that_always_crashes(model, tmp_path, run, call):
    "40 clips, 2 workers: one worker is killed from outside, one clip kills every worker. 39 are done, 1 is in quarantine, a second run does nothing"
    import films
    films.folder(tmp_path/'films'/'clip-00', 12)
    for i in range(1, 40): shutil.copytree(tmp_path/'films'/'clip-00', tmp_path/'films'/(f'clip-{i:02}' if i!=17 else 'deadly'))
    (tmp_path/'crash.py').write_text(CRASH)
    p = start(tmp_path, 'films', 'out', '--format', 'pose', '--workers', 2, '--json', DASK_DISTRIBUTED__WORKER__PRELOAD=str(tmp_path/'crash.py'))
    while len(list((tmp_path/'out'/'poses').glob('*.pose')))<6: time.sleep(.01); assert p.poll() is None, p.communicate()
    early = {f: f.stat().st_mtime_ns for f in (tmp_path/'out'/'poses'/(r['clip']+'.pose') for r in rows(tmp_path/'out'))}
    time.sleep(.1) # until the cluster knows that these are settled
    spawned = [c for c in psutil.Process(p.pid).children(recursive=True) if 'spawn_main' in ' '.join(c.cmdline())]
    assert len(spawned)==2
    spawned[0].send_signal(signal.SIGKILL)
    out, err = p.communicate(timeout=200)
    kept = 0
    if not out: # a cluster may give up when both its workers die at once: one line says so, and the next run goes on
        assert 'Traceback' not in err and err.strip().splitlines()[-1].startswith('slr_extract: error: '), err
        warnings.warn(err.strip().splitlines()[-1])
        kept = len(list((tmp_path/'out'/'poses').glob('*.pose')))
        p = start(tmp_path, 'films', 'out', '--format', 'pose', '--workers', 2, '--json', DASK_DISTRIBUTED__WORKER__PRELOAD=str(tmp_path/'crash.py'))
        out, err = p.communicate(timeout=200)
    report = json.loads(out)
    report['extracted'] += kept
    assert (report['clips'], report['done'], report['extracted'], list(report['quarantine']), report['failed']) == (40, 39, 39, ['deadly'], {})
    assert p.returncode==1 and '1 of 40 clips are missing' in err
    assert len(early)>=4 and {f: f.stat().st_mtime_ns for f in early}==early # what was done is not done again when its worker dies
    files = {f: f.stat().st_mtime_ns for f in (tmp_path/'out').rglob('*')}
    again = call('slr_extract', 'films', 'out', '--format', 'pose', '--json')
    assert {f: f.stat().st_mtime_ns for f in (tmp_path/'out').rglob('*')} == files
    assert json.loads(again.stdout)|{'extracted': 39} == report and json.loads(again.stdout)['extracted']==0
    retried = run('slr_extract', 'films', 'out', '--format', 'pose', '--retry', '--json') # whatever crashed has been mended
    assert retried.returncode==0 and json.loads(retried.stdout)['done']==40
    first = (tmp_path/'out'/'poses'/'clip-00.pose').read_bytes()
    assert all(f.read_bytes()==first for f in (tmp_path/'out'/'poses').iterdir()) # the same clip, the same bytes, in whatever process

@pytest.mark.long # the test above kills its workers
def test_a_killed_run_goes_on(model, tmp_path, run):
    "The whole command is killed; the next one does the rest and leaves no scraps"
    import films
    films.folder(tmp_path/'films'/'0', 12)
    for i in range(1, 12): shutil.copytree(tmp_path/'films'/'0', tmp_path/'films'/str(i))
    p = start(tmp_path, 'films', 'out', '--format', 'pose', '--workers', 2)
    while len(list((tmp_path/'out'/'poses').glob('*.pose')))<4: time.sleep(.01)
    family = psutil.Process(p.pid).children(recursive=True)
    p.kill(); p.communicate()
    for c in family:
        if c.is_running(): c.kill()
    done = {r['clip'] for r in rows(tmp_path/'out')}
    assert 1<=len(done)<12
    r = run('slr_extract', 'films', 'out', '--format', 'pose', '--json')
    assert r.returncode==0, r.stderr
    report = json.loads(r.stdout)
    assert (report['done'], report['extracted']) == (12, 12-len(done))
    assert not list((tmp_path/'out').rglob('*.part'))

def test_bad_clips_are_named_and_end_nothing(model, tmp_path, run):
    "Not a video, no frames, a torn file, a gap, two people, upright among lying, no permission"
    import films
    root = tmp_path/'films'
    films.video(root/'good.mp4', 8)
    (root/'text.mp4').write_text('not a video')
    (root/'cut.mp4').write_bytes((root/'good.mp4').read_bytes()[:9000])
    (root/'nothing.avi').write_bytes(b'')
    films.folder(root/'gap', 8); (root/'gap'/'images0004.png').unlink()
    films.folder(root/'far', 3); (root/'far'/'images0002.png').rename(root/'far'/'images0900.png')
    from slr_nbdev.extraction import write_video
    write_video(root/'two.mp4', [np.concatenate([p,p], 1) for p in films.pictures(3)])
    write_video(root/'tall.mp4', [p[:,60:360] for p in films.pictures(3)])
    write_video(root/'wall.mp4', [np.full((256,256,3), 128, np.uint8)]*3)
    films.folder(root/'locked', 2)
    for p in (root/'locked'/'images0001.png', root/'locked'): p.chmod(0)
    r = run('slr_extract', root, 'out', '--format', 'pose', '--json')
    (root/'locked').chmod(0o755)
    report = json.loads(r.stdout)
    expected = {'text': 'not a video', 'cut': 'not a video', 'nothing': 'not a video', 'far': 'more than half are missing', 'wall': 'nobody was found in its 3 frames'}
    if os.geteuid()!=0: expected['locked'] = 'Permission denied' # root may read everything
    assert report['failed'].keys()==expected.keys(), report['failed']
    for k,says in expected.items(): assert says in report['failed'][k] and k in report['failed'][k]
    assert "1 of 8 frames can't be read, the first is number 4" in report['notes']['gap']
    assert 'more than one person' in report['notes']['two'][0]
    assert report['sizes']['300x512']==1
    assert r.returncode==1 and f'{len(expected)} of 10 clips are missing' in r.stderr

def test_a_file_without_permission(model, tmp_path):
    "Seen by a user who isn't root"
    import films
    from slr_nbdev.extraction import open_pictures
    path = films.folder(tmp_path/'a', 2)
    movie = films.video(tmp_path/'b.mp4', 2)
    for p in (path/'images0001.png', movie): p.chmod(0)
    root = os.geteuid()==0
    for p in [tmp_path, *tmp_path.parents][:-2]: os.chmod(p, p.stat().st_mode|0o011) # the way to the clips is open
    if root: os.seteuid(65534) # nobody
    try:
        for p,name in ((path, 'images0001.png'), (movie, 'b.mp4')):
            with pytest.raises(SlrError, match='Permission denied') as e: list(open_pictures(p))
            assert name in str(e.value)
    finally:
        if root: os.seteuid(0)

def test_disk_full(model, tmp_path):
    "On a tiny disk some clips fit, the others fail by name; with room they are done, the first ones not again"
    import films
    root = films.folder(tmp_path/'films'/'0', 12).parent
    for i in range(1, 4): shutil.copytree(root/'0', root/str(i))
    (tmp_path/'out').mkdir()
    mount, small = ['unshare', '--mount', '--map-root-user', 'bash', '-c'], f'mount -t tmpfs -o size=24k none {tmp_path}/out'
    if subprocess.run([*mount, small], capture_output=True).returncode: pytest.skip("a small disk can't be made here (unshare, mount)")
    extract = f'{BIN}/slr_extract {root} {tmp_path}/out --format pose --json --workers 1'
    r = subprocess.run([*mount, f'{small} && {extract}; mount -o remount,size=4m {tmp_path}/out; {extract}'], capture_output=True, text=True, timeout=200)
    full, room = map(json.loads, r.stdout.splitlines())
    assert full['done']>=1 and full['failed'] and all('No space left on device' in v for v in full['failed'].values()), full['failed']
    assert (room['done'], room['extracted'], room['failed']) == (4, 4-full['done'], {})

def test_bad_arguments(model, hand, tmp_path, call):
    import films
    films.folder(tmp_path/'films'/'a', 2)
    (tmp_path/'file').write_text('')
    torn = tmp_path/'torn'
    torn.mkdir()
    shutil.copy(model, torn/'pose.task')
    (torn/hand.name).write_bytes(hand.read_bytes()[:-9])
    before, pose = set(tmp_path.rglob('*')), ('--format','pose')
    cases = [
        (('nowhere','out'), 'no such folder'),
        (('films','out'), 'no clips.csv there'),
        (('films','file',*pose), "can't write there"),
        (('films','out',*pose,'--model','file'), 'not a pose model'),
        (('films','out',*pose,'--model',hand), 'hand_landmarker.task: a hand model, where a pose model is needed'),
        (('films','out',*pose,'--landmarks','hands'), "landmarks 'hands': no such set; there are pose, pose+hands"),
        (('films','out',*pose,'--landmarks','upper+hands+lips'), 'lips are not extracted from films here'),
        (('films','out',*pose,'--landmarks','pose+hands','--model',torn/'pose.task'), 'hand_landmarker.task: not a hand model'),
        (('films','out',*pose,'--fps',0), '--fps 0'),
        (('films','out',*pose,'--fps','nan'), '--fps nan'),
        (('films','out',*pose,'--workers',0), '--workers 0'),
        (('films','out','--corpus','boston104'), 'choose from phoenix2014'),
        (('films','out','--corpus','phoenix2014'), 'no phoenix2014 here')]
    for args,says in cases:
        r = call('slr_extract', *args)
        assert r.returncode==1 and r.stdout=='' and says in r.stderr and len(r.stderr.splitlines())==1, (args, r)
        assert set(tmp_path.rglob('*'))==before

@pytest.mark.long
def test_a_cluster_that_runs_elsewhere(model, tmp_path, run, call):
    "A Dask cluster that was started by somebody else, whose worker has two threads; then no cluster; then another model, which is refused"
    import films, zipfile
    from dask.distributed import LocalCluster
    from slr_nbdev.extraction import Extraction, extract
    for i in range(4): films.folder(tmp_path/'films'/str(i), 4, i)
    with LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=None) as cluster:
        r = run('slr_extract', 'films', 'out', '--format', 'pose', '--scheduler', cluster.scheduler_address)
        assert r.returncode==0, r.stderr
    for i in range(4): np.testing.assert_allclose(Extraction.read(tmp_path/'out'/'poses'/f'{i}.pose').landmarks, extract(tmp_path/'films'/str(i), model).landmarks, atol=1e-6)
    r = call('slr_extract', 'films', 'other', '--format', 'pose', '--scheduler', 'tcp://127.0.0.1:9')
    assert r.returncode!=0 and 'no Dask cluster with workers answers there' in r.stderr
    with zipfile.ZipFile(model) as a, zipfile.ZipFile(tmp_path/'other.task', 'w', zipfile.ZIP_STORED) as b:
        for n in a.namelist(): b.writestr(n, a.read(n)) # the same networks, another file
    r = call('slr_extract', 'films', 'out', '--format', 'pose', '--model', 'other.task')
    assert r.returncode!=0 and 'made with other models' in r.stderr

def test_golden_pair(model, real_data):
    "A real clip, and the .pose file that others made from it with MediaPipe Holistic"
    from slr_nbdev.extraction import Extraction, extract
    from slr_nbdev.points import PoseLandmark as P
    media = real_data/'media'
    if not media.is_dir(): pytest.skip(f'{media} is not there: no golden pair')
    ours, theirs = extract(media/'autsl_signer0_sample1000.mp4', model), Extraction.read(media/'autsl_signer0_sample1000.pose')
    points = [P.NOSE, P.LEFT_SHOULDER, P.RIGHT_SHOULDER, P.LEFT_ELBOW, P.RIGHT_ELBOW, P.LEFT_WRIST, P.RIGHT_WRIST]
    assert len(ours)==len(theirs)
    a, b = ours.landmarks[:,points], theirs.landmarks[:,points]
    distance = np.linalg.norm((a-b)[...,:2], axis=-1)[b[...,2]>.5].mean()
    assert distance<.03
    assert len(Extraction.read(media/'phoenix14t_sample.pose'))==86
    frames = extract(media/'frames', model)
    assert frames.size==(210,260) and frames.found.all()

def test_hands_of_a_corpus(model, hand, tmp_path, run, call):
    "A hand, the same in a mirror, and one that is out of the picture for most of the time: through the command, on two processes, to files and store"
    import films
    from slr_nbdev.extraction import Extraction, extract, write_video
    from slr_nbdev.points import LANDMARK_SETS
    from slr_nbdev.store import FeatureStore
    (picture, points), bare, root = films.waving(), films.pictures(1)[0], tmp_path/'films'
    root.mkdir()
    write_video(root/'left.mp4', [picture]*6)
    write_video(root/'right.mp4', [np.ascontiguousarray(picture[:,::-1])]*6)
    write_video(root/'away.mp4', [picture]*2+[bare]*7)
    (root/'clips.csv').write_text('clip,split,signer,glosses\nleft,train,a,A\nright,dev,a,A\naway,test,a,A\n')
    r = run('slr_extract', root, 'out', '--landmarks', 'upper+hands', '--workers', 2, '--json')
    assert r.returncode==0, r.stderr
    report, kind = json.loads(r.stdout), LANDMARK_SETS['pose+hands']
    assert report['notes']['left']==['the right hand was found in 0 of 6 frames: blurred, hidden or out of the picture']
    assert report['notes']['right']==['the left hand was found in 0 of 6 frames: blurred, hidden or out of the picture']
    assert report['notes']['away'][0]=='the left hand was found in 2 of 9 frames: blurred, hidden or out of the picture'
    assert report['left hand']==round(8/21, 3) and report['right hand']==round(6/21, 3) and len(report['visibility'])==33
    left, right, away = (Extraction.read(tmp_path/'out'/'poses'/f'{k}.pose', points=kind) for k in ('left','right','away'))
    own, other = kind.groups['left hand'], kind.groups['right hand']
    assert np.abs(left.landmarks[:,own,:2]-points).max()<.04 and np.isnan(left.landmarks[:,other]).all()
    assert np.abs(right.landmarks[:,other,:2]-(points*(-1,1)+(1,0))).max()<.04 and np.isnan(right.landmarks[:,own]).all()
    assert (left.landmarks[:,own,2]==1).all() and np.isfinite(away.landmarks[:,own]).all((1,2)).tolist()==[True]*2+[False]*7
    here = extract(root/'left.mp4', model, points=kind)
    np.testing.assert_allclose(left.landmarks, here.landmarks, atol=1e-6)
    np.testing.assert_array_equal(extract(root/'left.mp4', model).landmarks, here.landmarks[:,:33]) # the body is the same with hands and without
    store = FeatureStore(tmp_path/'out', 'train')
    assert store.points.name=='upper+hands' and np.isfinite(store.utterances[0].landmarks[:,-42:-21]).all() and 'hand model' in store.about['extractor']
    r = call('slr_extract', root, 'out', '--json')
    assert r.returncode==1 and 'holds clips made with other models' in r.stderr and '--landmarks and --model as before' in r.stderr
    again = call('slr_extract', root, 'out', '--landmarks', 'pose+hands', '--json')
    assert json.loads(again.stdout)['extracted']==0 and FeatureStore(tmp_path/'out', 'train').points.name=='pose+hands'

@pytest.fixture
def media(real_data):
    if not (real_data/'media').is_dir(): pytest.skip(f'{real_data}/media is not there: no golden pair')
    return real_data/'media'

def test_hands_of_the_golden_pair(model, hand, media, tmp_path):
    "Of a real clip: as MediaPipe Holistic found them; mirrored, the other hand; cut at the side, a hand that is gone"
    from slr_nbdev.extraction import Extraction, extract, open_pictures, write_video
    from slr_nbdev.points import LANDMARK_SETS
    clip, kind = media/'autsl_signer0_sample1000.mp4', LANDMARK_SETS['pose+hands']
    ours, theirs = extract(clip, model, points=kind), Extraction.read(media/'autsl_signer0_sample1000.pose', points=kind)
    count = lambda e: [int(there.sum()) for there in e.hands.values()]
    assert count(ours)[0]>=30 and count(ours)[1]==43 and ours.notes==()
    for group,mean in (('left hand',.015), ('right hand',.006)):
        distance = np.linalg.norm((ours.landmarks-theirs.landmarks)[:,kind.groups[group],:2], axis=-1)
        both = np.isfinite(distance).all(1)
        assert both.sum()>=30 and distance[both].mean()<mean and np.median(distance[both])<.006, group
    pictures = [p for _,p in open_pictures(clip)]
    mirrored = extract(write_video(tmp_path/'mirrored.mp4', [np.ascontiguousarray(p[:,::-1]) for p in pictures]), model, points=kind)
    assert count(mirrored)[0]==43 and count(mirrored)[1]>=30
    distance = np.linalg.norm((mirrored.landmarks[...,:2]*(-1,1)+(1,0))[:,kind.mirror]-ours.landmarks[...,:2], axis=-1)
    for group in ('left hand','right hand'): assert np.nanmedian(distance[:,kind.groups[group]])<.006
    cut = extract(write_video(tmp_path/'cut.mp4', [np.ascontiguousarray(p[:,:300]) for p in pictures]), model, points=kind)
    gone = ~cut.hands['left hand']
    assert count(cut)[1]==43 and gone.sum()>20 and np.isnan(cut.landmarks[gone][:,kind.groups['left hand']]).all()
    assert cut.notes==(f'the left hand was found in {43-gone.sum()} of 43 frames: blurred, hidden or out of the picture',)

def test_a_hand_whose_label_changes(model, hand, media):
    "She waves with one hand; MediaPipe takes it for the other one now and then"
    from slr_nbdev.extraction import extract
    e = extract(media/'signer_test_video.mp4', model, points='pose+hands')
    assert not e.hands['left hand'].any() and e.hands['right hand'].sum()>=18 and len(e.notes)==2

def read(path):
    "What is read of a film of `films.grey`: times, brightness of each picture, shape, notes"
    from slr_nbdev.extraction import open_pictures
    film = open_pictures(path)
    rows = list(film)
    assert all(p is not None for _,p in rows)
    return [round(s, 3) for s,_ in rows], [int(p[:,-4:].mean()) for _,p in rows], rows[0][1].shape[:2], film

KINDS = dict( # name → keywords of `films.film`; whatever holds it, the frames are the same
    mp4={}, mkv={}, avi=dict(codec='mpeg4'), mpg=dict(codec='mpeg2video'), wmv=dict(codec='wmv2'), flv=dict(codec='flv'), ts={}, webm=dict(codec='libvpx-vp9'),
    h264={}, gif=dict(codec='gif', pix_fmt='rgb8'),
    reordered_avi=dict(options={'bf': '3'}), reordered_xvid_avi=dict(codec='mpeg4', options={'bf': '2', 'qscale': '2'}), reordered_ts=dict(options={'bf': '3'}),
    interlaced_mpg=dict(codec='mpeg2video', options={'flags': '+ildct+ilme'}), moving_jpeg_avi=dict(codec='mjpeg', pix_fmt='yuvj420p'),
    ten_bits_mkv=dict(pix_fmt='yuv420p10le'), grey_mkv=dict(codec='ffv1', pix_fmt='gray'), grey16_mkv=dict(codec='ffv1', pix_fmt='gray16le'),
    alpha_mov=dict(codec='png', pix_fmt='rgba'), late_mp4=dict(start=5000), late_mkv=dict(start=5000), late_ts=dict(start=5000),
    sound_mp4=dict(sound=.5), longer_sound_mp4=dict(sound=3), longer_sound_mkv=dict(sound=3))

@pytest.mark.parametrize('kind', KINDS)
def test_every_kind_of_film_gives_the_same_pictures(kind, tmp_path):
    "In the order and at the times at which they are shown, none left out, nothing said of a film that is cut short"
    import films
    name, kw = f'a.{kind.split("_")[-1]}', dict(KINDS[kind])
    if start := kw.pop('start', 0): kw['times'] = [start+40*i for i in range(12)]
    seconds, bright, shape, film = read(films.film(tmp_path/name, films.grey(12), **kw))
    assert shape==(48,64) and len(bright)==12 and np.allclose(bright, [40+200*i//11 for i in range(12)], atol=6)
    assert np.allclose(seconds, np.arange(12)/25, atol=.002) and film.notes==[] and film.length-film.end<.5

def test_slow_films_are_whole(tmp_path):
    "One frame a second, one frame at all, a last frame that stands for long: none of them is cut short; a film without its end is"
    import films
    from slr_nbdev.extraction import open_pictures
    for name,kw in {'slow.mp4': dict(fps=1), 'slow.mkv': dict(fps=1), 'slow.avi': dict(fps=1, codec='mpeg4'), 'uneven.mkv': dict(times=[0,40,80,2000,2040])}.items():
        seconds, bright, _, film = read(films.film(tmp_path/name, films.grey(5), **kw))
        assert len(bright)==5 and film.length-film.end<.5, name
    assert read(films.film(tmp_path/'one.mp4', films.grey(1)))[0]==[0]
    for name in ('long.mkv','long.mp4'):
        raw = films.film(tmp_path/name, films.grey(100), **(dict(movflags='faststart') if name=='long.mp4' else {})).read_bytes()
        (tmp_path/f'cut-{name}').write_bytes(raw[:len(raw)*6//10])
        film = open_pictures(tmp_path/f'cut-{name}')
        assert 0<len(list(film))<100 and film.length-film.end>.5, name

def test_times_that_jump(tmp_path):
    "Two films joined: the second begins at 0 again. An edit list leaves out the first three frames. Times that are far off"
    import films
    for i in (0,1): films.film(tmp_path/f'{i}.ts', films.grey(12), options={'bf': '3'})
    (tmp_path/'joined.ts').write_bytes((tmp_path/'0.ts').read_bytes()+(tmp_path/'1.ts').read_bytes())
    seconds, bright, _, film = read(tmp_path/'joined.ts')
    assert np.allclose(seconds, np.arange(24)/25, atol=.001) and bright==2*bright[:12] and 'its times jump' in film.notes[0]
    cut = films.film(tmp_path/'edited.mp4', films.grey(10), times=[40*i-120 for i in range(10)], use_editlist='1', avoid_negative_ts='disabled')
    seconds, bright, _, film = read(cut)
    assert np.allclose(seconds, np.arange(7)/25) and np.allclose(bright[0], 40+200*3//9, atol=6) and film.notes==[] and film.length-film.end<.5
    seconds, bright, *_, film = read(films.film(tmp_path/'far.mkv', films.grey(4), times=[0, 40, 36_000_000, 36_000_040]))
    assert np.allclose(seconds, np.arange(4)/25, atol=.001) and len(film.notes)==1
    seconds, *_, film = read(films.film(tmp_path/'fast.mp4', films.grey(4), fps=50_000)) # nobody films so many
    assert np.allclose(seconds, np.arange(4)/25, atol=.001) and len(film.notes)==1
    assert np.allclose(read(films.film(tmp_path/'1000.mp4', films.grey(4), fps=1000))[0], np.arange(4)/1000)

def test_pixels_that_are_not_square(tmp_path):
    "Television, wide and narrow; nonsense; and one that lies on its side"
    import films
    for name,sar,size in (('a.mp4','16/11',(48,93)), ('a.mkv','64/45',(48,91)), ('a.avi','64/45',(48,91)), ('b.mp4','8/9',(48,57)), ('c.mp4','100/1',(48,64)), ('d.mp4','1/100',(48,64))):
        film = films.film(tmp_path/name, films.grey(4), 'mpeg4' if name=='a.avi' else 'libx264', sar=sar)
        assert abs(np.array(read(film)[2])-size).max()<=1, (name, sar)
    assert read_shape(films.film(tmp_path/'a.mpg', films.grey(4, 48, 72), 'mpeg2video', sar='8/9'))==(48,64)
    lying = films.with_matrix(films.film(tmp_path/'lying.mp4', films.grey(4), sar='3/2'), (0,1,-1,0))
    assert read_shape(lying)==(96,48)

def read_shape(path):
    from slr_nbdev.extraction import open_pictures
    return next(p for _,p in open_pictures(path)).shape[:2]

def test_turned_and_mirrored_films(tmp_path):
    "As the file says, through FFmpeg: eight ways, slanted ones, and nine zeros"
    import films
    from slr_nbdev.extraction import open_pictures
    picture = np.full((32,64,3), 20, np.uint8)
    picture[:16,:32] = 230 # the upper left quarter is light
    plain = picture[...,0]
    cases = [((1,0,0,1), plain), ((0,1,-1,0), np.rot90(plain, -1)), ((0,-1,1,0), np.rot90(plain)), ((-1,0,0,-1), plain[::-1,::-1]), ((-1,0,0,1), plain[:,::-1]), ((1,0,0,-1), plain[::-1]),
        ((0,1,1,0), plain.T), ((0,-1,-1,0), plain[::-1,::-1].T), ((0,0,0,0), plain), ((.9998,.0175,-.0175,.9998), plain), ((.9998,-.0175,.0175,.9998), plain), ((-.0175,.9998,-.9998,-.0175), np.rot90(plain, -1)), ((.5,.866,-.866,.5), np.rot90(plain, -1))]
    for matrix,expected in cases:
        film = open_pictures(films.with_matrix(films.film(tmp_path/'a.mp4', [picture]*2), matrix))
        got = [p for _,p in film][1][...,0]
        assert got.shape==expected.shape and abs(got.astype(int)-expected).mean()<8, matrix
        assert bool(film.notes)==(matrix[0]==.5), matrix

def test_what_is_no_film(tmp_path):
    "A song with a cover, sound alone, an unknown codec, a title in Latin-1, an animation"
    import films, io
    from PIL import Image
    from slr_nbdev.extraction import open_pictures
    cover = io.BytesIO()
    Image.fromarray(films.grey(1)[0]).save(cover, 'JPEG')
    with pytest.raises(SlrError, match='song.mp3: no film in it, only sound or a still cover'): open_pictures(films.song(tmp_path/'song.mp3', cover.getvalue()))
    plain = films.film(tmp_path/'plain.mp4', films.grey(4)).read_bytes()
    (tmp_path/'new.mp4').write_bytes(plain.replace(b'avc1', b'zzzz').replace(b'avcC', b'zzzC'))
    with pytest.raises(SlrError, match="new.mp4: FFmpeg can't decode its pictures"): open_pictures(tmp_path/'new.mp4')
    titled = films.film(tmp_path/'titled.mkv', films.grey(4)).read_bytes()
    assert titled.count(b'Lavf')
    (tmp_path/'titled.mkv').write_bytes(titled.replace(b'Lavf', b'L\xe4vf'))
    assert len(read(tmp_path/'titled.mkv')[1])==4
    frames = [Image.fromarray(p) for p in films.grey(4)]
    frames[0].save(tmp_path/'animated.gif', save_all=True, append_images=frames[1:], duration=100)
    assert read(tmp_path/'animated.gif')[0]==[0,.1,.2,.3]

def test_16_bits_a_colour(tmp_path):
    "Pillow writes no such .png, FFmpeg does; both read it the same"
    import av
    from slr_nbdev.extraction import open_pictures
    values = np.linspace(0, 65535, 16*16*3).astype(np.uint16).reshape(16,16,3)
    (tmp_path/'a').mkdir()
    with av.open(str(tmp_path/'a'/'1.png'), 'w') as c:
        s = c.add_stream('png', 1)
        s.height, s.width, s.pix_fmt = 16, 16, 'rgb48be'
        c.mux([*s.encode(av.VideoFrame.from_ndarray(values, format='rgb48le')), *s.encode()])
    for source in (tmp_path/'a', tmp_path/'a'/'1.png'):
        (_,picture), = open_pictures(source)
        assert abs(picture.astype(int)-values//256).max()<=1

@pytest.mark.parametrize('name', ['a:b.mp4', 'clip%03d.mp4', '-a.mp4', 'a#b?c d&e.mp4', 'Gebärde.mp4', 'http:x.mp4', "it's [1].mp4", os.fsdecode(b'caf\xe9.mp4')])
def test_names_that_mean_something_to_ffmpeg(name, tmp_path, monkeypatch):
    import films
    from slr_nbdev.extraction import open_pictures, write_video
    monkeypatch.chdir(tmp_path)
    for path in (Path(name), tmp_path/'below'/name, Path('below')/name):
        path.parent.mkdir(exist_ok=True)
        assert len(list(open_pictures(write_video(path, films.grey(3)))))==3
    single = Path(name).with_suffix('.png')
    from PIL import Image
    Image.fromarray(films.grey(1)[0]).save(single)
    assert len(list(open_pictures(single)))==1

def test_names_on_the_command_line_without_utf8(model, tmp_path, run):
    "A folder that begins with a dash, odd names in it, and a system that knows ASCII alone"
    import films
    root = tmp_path/'-films'
    root.mkdir()
    for name in (b'a:b.mp4', b'-c.MP4', b'caf\xe9.mp4', 'Gebärde%02d.mp4'.encode()): films.video(root/os.fsdecode(name), 2)
    (root/'bad ü.mp4').write_text('not a video')
    for env in (dict(LC_ALL='C', PYTHONUTF8='0'), {}):
        r = subprocess.run([BIN/'slr_extract', '--format', 'pose', '--workers', '1', '--', '-films', 'out'], cwd=tmp_path, env=os.environ|env, capture_output=True, timeout=200)
        assert b'Traceback' not in r.stderr and b'4 of 5 clips, 8 frames' in r.stdout and b'1 of 5 clips are missing' in r.stderr, (env, r)

def test_a_home_that_nobody_may_write_to(tmp_path):
    "One line, which names the options that help and not the network"
    (tmp_path/'home').write_text('')
    env = os.environ|dict(HOME=str(tmp_path/'home'), XDG_CACHE_HOME=str(tmp_path/'home'/'cache'))
    for args in (['slr_data', 'fetch', 'pose-model'], ['slr_extract', 'films', 'out', '--format', 'pose']):
        (tmp_path/'films').mkdir(exist_ok=True)
        (tmp_path/'films'/'a.mp4').write_text('')
        r = subprocess.run([BIN/args[0], *args[1:]], cwd=tmp_path, env=env, capture_output=True, text=True)
        last = r.stderr.strip().splitlines()[-1]
        assert r.returncode==1 and 'Traceback' not in r.stderr and '--model PATH' in last and 'slr_data fetch pose-model --root DIR' in last and 'network' not in last, r
