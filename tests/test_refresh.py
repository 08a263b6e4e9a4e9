"Running notebooks: refresh.py fails where nbdev_test does, skips what it skips, and keeps everything that a cell printed"
import json, subprocess, sys
from pathlib import Path
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

REFRESH = Path(__file__).with_name('refresh.py')
SETTINGS = '[DEFAULT]\nlib_name=tiny\nlib_path=tiny\nnbs_path=nbs\nversion=0\nuser=x\nauthor=x\ndescription=x\nbranch=main\nlicense=apache2\ntst_flags=notest slow\n'

def notebook(root, *code, title='# tiny\n\n> A notebook', name='00_tiny'):
    (root/'nbs').mkdir(exist_ok=True)
    (root/'settings.ini').write_text(SETTINGS)
    path = root/'nbs'/f'{name}.ipynb'
    nbformat.write(new_notebook(cells=[new_markdown_cell(title), *map(new_code_cell, code)]), path)
    return path

def refresh(root, *args):
    return subprocess.run([sys.executable, REFRESH, *args], cwd=root, capture_output=True, text=True, timeout=120)

def outputs(path):
    "What each code cell shows: text of streams and values, and the kinds of pictures"
    cells = [c for c in json.loads(path.read_text())['cells'] if c['cell_type']=='code']
    shown = lambda o: ''.join(o.get('text') or [k for k in o['data'] if k.startswith('image/')] or o['data']['text/plain'])
    return [[shown(o) for o in c['outputs']] for c in cells]

FIGURE = 'import matplotlib.pyplot as plt'

def test_what_a_cell_printed_is_stored_beside_its_figure(tmp_path):
    "Also where the cell ends with a semicolon, which hides the value of its last line and nothing else"
    path = notebook(tmp_path, FIGURE, "print('before')\nplt.plot([1,2]);", "print('before')\nplt.plot([1,2])\nprint('after');", "print('alone')\n1+1;", '1+1', '1+1;')
    r = refresh(tmp_path)
    assert r.returncode==0, r.stdout+r.stderr
    assert outputs(path)==[[], ['before\n', 'image/png'], ['before\nafter\n', 'image/png'], ['alone\n'], ['2'], []]
    assert refresh(tmp_path, '--check').returncode==0

def test_a_lost_output_is_named(tmp_path):
    "A stored figure whose text is gone: notebook and cell"
    path = notebook(tmp_path, FIGURE, "print('before')\nplt.plot([1,2]);")
    refresh(tmp_path)
    nb = json.loads(path.read_text())
    nb['cells'][2]['outputs'] = [o for o in nb['cells'][2]['outputs'] if o['output_type']!='stream']
    path.write_text(json.dumps(nb))
    r = refresh(tmp_path, '--check')
    assert r.returncode==1 and '00_tiny.ipynb' in r.stdout and nb['cells'][2]['id'] in r.stdout and 'before' in r.stdout

ERRORS = {
    'AssertionError: sum': 'assert 1+1==3, "sum"',
    'SyntaxError': 'def f(:',
    'SystemExit': 'import sys; sys.exit(0)',
    'KeyboardInterrupt': 'raise KeyboardInterrupt'}

@pytest.mark.parametrize('check', [True, False])
def test_an_error_in_a_cell_is_a_failure(tmp_path, check):
    "Of every kind; the notebook is named and nothing is stored"
    paths = [notebook(tmp_path, code, 'print("not reached")', name=f'0{i}_tiny') for i,code in enumerate(ERRORS.values())]
    before = [p.read_bytes() for p in paths]
    r = refresh(tmp_path, *['--check']*check)
    assert r.returncode==1 and 'not reached' not in r.stdout
    for path,error in zip(paths, ERRORS): assert error in r.stdout and path.name in r.stderr, r.stdout+r.stderr
    assert [p.read_bytes() for p in paths]==before

def test_a_process_that_dies_is_a_failure(tmp_path):
    notebook(tmp_path, 'import os; os._exit(0)')
    r = refresh(tmp_path, '--check')
    assert r.returncode==1 and '00_tiny.ipynb' in r.stderr and 'Traceback' not in r.stderr

def test_flags_and_skipped_notebooks_are_honoured(tmp_path):
    "A flagged cell runs where its flag is given; `eval: false` and `skip_exec` never run"
    notebook(tmp_path, '#| slow\n1/0', '#| eval: false\n1/0', 'print("ran")')
    notebook(tmp_path, '1/0', title='# other\n\n> Not to be run\n\n- skip_exec: true', name='01_other')
    r = refresh(tmp_path)
    assert r.returncode==0, r.stdout
    assert refresh(tmp_path, '--check').returncode==0
    r = refresh(tmp_path, '--check', '--flags', 'slow')
    assert r.returncode==1 and 'ZeroDivisionError' in r.stdout and '01_other' not in r.stdout

def test_says_what_it_does_and_how_long_each_took(tmp_path):
    for i in range(3): notebook(tmp_path, f'print({i})', name=f'0{i}_tiny')
    lines = refresh(tmp_path, '--timing').stdout.splitlines()
    assert lines[0].startswith('notebooks: 3, two at a time, each cell run once and its output stored')
    assert sorted(l.split()[-1] for l in lines[1:4])==[f'0{i}_tiny.ipynb' for i in range(3)] and lines[-1]=='3 notebooks: outputs stored'

def test_runs_what_nbdev_test_runs(tmp_path):
    "The same notebooks pass and fail under both"
    good = ['print(1)', '#| notest\n1/0', '#| eval: false\n1/0']
    for i,code in enumerate((good, [*good, '1/0'])):
        root = tmp_path/str(i)
        root.mkdir()
        notebook(root, *code)
        refresh(root)
        nbdev = subprocess.run([Path(sys.executable).parent/'nbdev_test'], cwd=root, capture_output=True, text=True)
        assert (refresh(root, '--check').returncode, nbdev.returncode)==(i, i), nbdev.stderr

def test_a_progress_bar_is_not_stored_and_a_warning_is(tmp_path):
    "A bar's times are other ones each time"
    path = notebook(tmp_path, 'import sys, warnings\nfrom tqdm.auto import tqdm\nfor _ in tqdm(range(3), file=sys.stderr): pass\nwarnings.warn("seen")')
    assert refresh(tmp_path).returncode==0
    [[said]] = outputs(path)
    assert 'UserWarning: seen' in said and 'it/s' not in said
