"""The wheel installed as users install it, away from the checkout; every command's first lines, and one pass from training to a film.

`python tests/installs.py [PYTHON ...]` prints the table: each Python with pinned, newest and lowest dependencies."""
import json, os, re, shutil, subprocess, sys, tempfile, zipfile
from pathlib import Path

root = Path(__file__).parents[1]
TORCH = next(l for l in (root/'constraints.txt').read_text().splitlines() if l.startswith('torch=='))
HOW = {'pinned': ['-c', root/'constraints.txt'], 'newest': [TORCH], 'lowest': ['--resolution', 'lowest-direct', '--only-binary', ':all:']}
MAIN = 'torch', 'numpy', 'pandas', 'fastcore', 'pydantic', 'accelerate', 'mediapipe'
COMMANDS = re.findall(r'^(slr_\w+) = ".*[.]cli"', (root/'pyproject.toml').read_text(), re.M)

HELPS = '''
"Every script of the commands in a process of its own, forked when the large libraries have been imported: that is most of the time"
import json, os, runpy, sys
import torch, pandas, matplotlib.pyplot, seaborn, accelerate
codes = []
for script in sys.argv[1:]:
    if os.fork()==0:
        for i,end in ((1,'out'), (2,'err')): os.dup2(os.open(f'{os.path.basename(script)}.{end}', os.O_WRONLY|os.O_CREAT), i)
        sys.argv = [script, '--help']
        runpy.run_path(script, run_name='__main__')
        sys.exit()
    codes.append(os.waitstatus_to_exitcode(os.wait()[1]))
print(json.dumps(codes))
'''
RECOGNISE = '''
import json, sys, numpy as np
from PIL import Image
import slr_nbdev.bilstm_optimized
from slr_nbdev.player import web_file
from slr_nbdev.extraction import write_video
from slr_nbdev.points import standing_pose
from slr_nbdev.recognition import Recognizer
for name in ('draw.js','report.js','report.css','report.html'): assert web_file(name) # they ride along
seen = Recognizer.load('runs/signer-optimized/best.safetensors', 'cpu').recognize(np.repeat(standing_pose()[None], 40, 0))
write_video('film.mp4', [np.roll(np.asarray(Image.open(sys.argv[1]).convert('RGB')), 4*i, 1) for i in range(8)])
print(json.dumps([slr_nbdev.bilstm_optimized.__file__, seen.seconds, len(seen.warnings)]))
'''

def uv(*args):
    "uv, looking where pip is told to look"
    told = {'UV_FIND_LINKS': os.environ.get('PIP_FIND_LINKS'), 'UV_DEFAULT_INDEX': os.environ.get('PIP_INDEX_URL')}
    env = os.environ|{'UV_HTTP_TIMEOUT': '600'}|{k: v for k,v in told.items() if v}
    r = subprocess.run([sys.executable, '-m', 'uv', *map(str, args)], capture_output=True, text=True, env=env)
    assert r.returncode==0, r.stderr
    return r.stdout

def wheel(out):
    "The wheel of this checkout, built beside it: what an older build left is not in it"
    source = Path(out)/'source'
    shutil.copytree(root/'slr_nbdev', source/'slr_nbdev', ignore=shutil.ignore_patterns('__pycache__'))
    for name in ('pyproject.toml','README.md','LICENSE'): shutil.copy(root/name, source)
    subprocess.run([sys.executable, '-m', 'build', '--wheel', '--outdir', out, source], check=True, capture_output=True)
    return next(Path(out).glob('*.whl'))

def requirements(file):
    "What the wheel asks for, with its extra `pose`"
    with zipfile.ZipFile(file) as z: text = z.read(next(n for n in z.namelist() if n.endswith('.dist-info/METADATA'))).decode()
    found = re.findall(r"^Requires-Dist: ([^;\n]+?)(?: *; *extra == .(\w+).)?$", text, re.M)
    return [name for name,extra in found if extra in ('','pose')]

def install(file, folder, how, python=sys.executable):
    "An environment with the wheel and its extra `pose`; the versions of the main libraries"
    uv('venv', '-q', '--python', python, folder/'env')
    direct = requirements(file) if how=='lowest' else [] # lowest of what is named here; what those need in turn is as new as it may be
    uv('pip', 'install', '-q', '--python', folder/'env', *HOW[how], f'{file}[pose]', *direct)
    found = {p['name']: p['version'] for p in json.loads(uv('pip', 'list', '--python', folder/'env', '--format', 'json'))}
    return {k: found[k] for k in MAIN}

def shell(folder, *args):
    "A command of the environment, in its folder; what it printed"
    env = {k: v for k,v in os.environ.items() if not k.startswith('PYTHON')}|{'OMP_NUM_THREADS': '1', 'XDG_CACHE_HOME': str(folder/'cache')}
    r = subprocess.run([str(folder/'env'/'bin'/args[0]), *map(str, args[1:])], cwd=folder, capture_output=True, text=True, env=env, timeout=600)
    assert r.returncode==0, f"{' '.join(map(str, args))}: exit {r.returncode}\n{r.stdout}{r.stderr}"
    return r

def first_lines(folder):
    "Every command's help: no warning, no other line on standard error"
    r = shell(folder, 'python', '-c', HELPS, *[folder/'env'/'bin'/c for c in COMMANDS])
    assert r.stderr=='' and len(COMMANDS)>5, r.stderr
    for c,code in zip(COMMANDS, json.loads(r.stdout), strict=True):
        out, err = ((folder/f'{c}.{end}').read_text() for end in ('out','err'))
        assert code==0 and err=='' and out.startswith(f'usage: {c}'), (c, code, err, out[:200])

def use(folder, picture):
    "Train an epoch, evaluate, score, recognise landmarks, extract a film: what was done"
    small = 'model.architecture.hidden_dim=16,model.architecture.num_layers=1'
    train = json.loads(shell(folder, 'slr_train', '--epochs', 1, '--device', 'cpu', '--settings', small, '--json').stdout)
    ran = json.loads(shell(folder, 'slr_eval', train['checkpoint'], '--device', 'cpu', '--hypotheses', 'hyp.tsv', '--json').stdout)
    ref = ''.join(f"{u['id']}\t{' '.join(u['reference'])}\n" for u in ran['utterances'])
    (folder/'ref.tsv').write_text(ref, encoding='utf-8')
    score = json.loads(shell(folder, 'slr_score', 'ref.tsv', 'hyp.tsv', '--json').stdout)
    path, *seen = json.loads(shell(folder, 'python', '-c', RECOGNISE, picture).stdout)
    assert Path(path).is_relative_to(folder)
    film = json.loads(shell(folder, 'slr_recognize', 'film.mp4', '--checkpoint', train['checkpoint'], '--device', 'cpu', '--json').stdout)
    assert round(100*ran['score']['wer'], 2)==round(score['wer_raw'], 2), (ran['score'], score)
    assert seen[0]==1.6 and film['clips'][0]['seconds']>0 and not film['failed'], (seen, film)
    return 'train', 'eval', 'score', 'recognise', 'extract'

def try_install(file, how, python=sys.executable, picture=None):
    "One row of the table"
    with tempfile.TemporaryDirectory() as d:
        folder = Path(d).resolve()
        versions = install(file, folder, how, python)
        first_lines(folder)
        return versions, use(folder, picture or astronaut())

def astronaut():
    "A person, whom scikit-image ships with"
    from skimage import data
    from PIL import Image
    path = Path(tempfile.mkdtemp())/'astronaut.png'
    Image.fromarray(data.astronaut()).save(path)
    return path

def table(pythons):
    "Every Python, three ways"
    with tempfile.TemporaryDirectory() as d:
        file, picture = wheel(d), astronaut()
        print('| Python | dependencies |', ' | '.join(MAIN), '| commands | train | eval | score | recognise | extract |')
        print('|'+'---|'*(len(MAIN)+8))
        for python in pythons:
            version = subprocess.run([python, '-c', 'import platform; print(platform.python_version())'], capture_output=True, text=True).stdout.strip()
            for how in HOW:
                try: versions, results = try_install(file, how, python, picture)
                except AssertionError as e: print(f'| {version} | {how} |', ' '.join(str(e).split())[-300:], '|', flush=True); continue
                print(f'| {version} | {how} |', ' | '.join(versions.values()), '| ok |', ' | '.join('ok' for _ in results), '|', flush=True)

if __name__=='__main__': table(sys.argv[1:] or [sys.executable])
