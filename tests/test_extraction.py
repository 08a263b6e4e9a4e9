"Extraction: what only whole commands, other processes and real clips can show"
import json, os, shutil, signal, subprocess, time, warnings
from pathlib import Path
import numpy as np, psutil, pytest
from conftest import BIN
from slr_nbdev.core import SlrError

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

def test_bad_arguments(model, tmp_path, call):
    import films
    films.folder(tmp_path/'films'/'a', 2)
    (tmp_path/'file').write_text('')
    before, pose = set(tmp_path.rglob('*')), ('--format','pose')
    cases = [
        (('nowhere','out'), 'no such folder'),
        (('films','out'), 'no clips.csv there'),
        (('films','file',*pose), "can't write there"),
        (('films','out',*pose,'--model','file'), 'not a pose model'),
        (('films','out',*pose,'--fps',0), '--fps 0'),
        (('films','out',*pose,'--workers',0), '--workers 0'),
        (('films','out','--corpus','boston104'), 'choose from phoenix2014'),
        (('films','out','--corpus','phoenix2014'), 'no phoenix2014 here')]
    for args,says in cases:
        r = call('slr_extract', *args)
        assert r.returncode==1 and r.stdout=='' and says in r.stderr and len(r.stderr.splitlines())==1, (args, r)
        assert set(tmp_path.rglob('*'))==before

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
    assert r.returncode!=0 and 'made with another model' in r.stderr

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
