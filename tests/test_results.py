"Recorded results: each names clean code that made it, and its settings are those of its recipe"
import json, os, re, shlex, subprocess
from pathlib import Path
import pytest
from slr_nbdev.catalogue import slr_data
from slr_nbdev.config import load_config, parse_config
from slr_nbdev.core import SlrError, command_parser
from slr_nbdev.resume import slr_train
from slr_nbdev.study import command
from slr_nbdev.study.command import RECORDINGS, load_part

ROOT = Path(__file__).parents[1]
RESULTS = {p.name: json.loads(p.read_text()) for p in sorted((ROOT/'data'/'results').glob('*.json'))}
# made before results had to come from a clean checkout; a file leaves the list when it is recorded again
TO_RECORD_AGAIN = {
    'sentences-asl_words.json', 'sentences-boston104.json', 'sentences-speed-cpu.json', 'speed-cpu.json'}

def test_every_result_names_a_clean_commit():
    commits = {name: r['provenance']['commit'] for name,r in RESULTS.items()}
    changed = {name for name,c in commits.items() if not re.fullmatch('[0-9a-f]{12}', c)}
    assert changed==TO_RECORD_AGAIN, 'not clean: record them again; clean and listed: take them off the list'

def test_no_result_names_a_folder_of_the_machine():
    for name,r in RESULTS.items(): assert not re.search(r'"(/|~|[A-Z]:\\\\)', json.dumps(r)), name

def test_recorded_settings_are_those_of_the_recipe():
    "All of them but how it is decoded, which was chosen later; what a file doesn't name has its default"
    plain = lambda cfg: cfg.model_dump(exclude={'decoding'})
    recipes = {file: r.recipe for r in RECORDINGS.values() for file in r.files}
    held = {name: r.get('config') or r.get('settings', {}).get('config') for name,r in RESULTS.items()}
    assert {name for name,c in held.items() if c}=={f for f,r in recipes.items() if r and f.endswith('.json')}
    for name,config in held.items():
        if config: assert plain(parse_config(config))==plain(load_config(recipes[name])), name

def _commands(call):
    "Words of the package's commands in a line of the shell"
    for part in re.split('&&|;', call.replace('$s ', '1 ')):
        words = shlex.split(re.split(r'>|\|\|', part)[0].removeprefix(' do '))
        if words and words[0].startswith('slr_'): yield words

def _function(words):
    "The function that a command line calls, and its arguments"
    if words[0]!='slr_study': return {'slr_train': slr_train, 'slr_data': slr_data}[words[0]], words[1:]
    return (load_part('models'), words[1:]) if words[1].startswith('-') else (load_part(words[1]), words[2:])

def test_the_calls_are_understood():
    "Every call of the list names commands that exist, with arguments that they take"
    lines = [_function(words) for r in RECORDINGS.values() for call in r.calls for words in _commands(call)]
    assert len(lines)>20
    for f,arguments in lines: command_parser(f, ('action','corpus') if f is slr_data else ()).parse_args(arguments)

def git(*args, cwd):
    subprocess.run(['git','-c','user.name=a','-c','user.email=a@b', *args], cwd=cwd, check=True, capture_output=True)

def recording(call, file): return command.Recording((call,), {file: 'made.json'}, 1, 'toy')

MADE = json.dumps(dict(n=1, provenance=dict(commit='COMMIT')))
CALL = f'echo {shlex.quote(MADE)} | sed "s/COMMIT/$(git rev-parse --short=12 HEAD)/" > "$OUT/made.json"'

@pytest.fixture
def checkout(tmp_path, monkeypatch):
    "A small checkout that provenance speaks of, and two recordings"
    for folder in ('data/results','slr_nbdev'): (tmp_path/folder).mkdir(parents=True)
    files = {'slr_nbdev/__init__.py': '', '.gitignore': 'runs/\n', 'data/results/a.json': '{}'}
    for file,text in files.items(): (tmp_path/file).write_text(text)
    for words in (('init',), ('add','-A'), ('commit','-m','x')): git(*words, cwd=tmp_path)
    monkeypatch.setattr('slr_nbdev.__file__', str(tmp_path/'slr_nbdev'/'__init__.py'))
    monkeypatch.setattr(command, 'RECORDINGS', {k: recording(CALL, f'{k}.json') for k in 'ab'})
    return tmp_path

def test_results_come_from_a_clean_checkout(checkout):
    "One recording does not make the tree unclean for the next; a change elsewhere does, and nothing is run then"
    command.slr_results(['all'])
    for name in 'ab': assert json.loads((checkout/'data'/'results'/f'{name}.json').read_text())['n']==1
    (checkout/'slr_nbdev'/'__init__.py').write_text('changed = True')
    (checkout/'data'/'results'/'a.json').write_text('{}')
    with pytest.raises(SlrError, match='was changed since commit'): command.slr_results(['a'])
    assert (checkout/'data'/'results'/'a.json').read_text()=='{}'

def test_a_result_of_another_commit_is_not_taken(checkout, monkeypatch):
    monkeypatch.setitem(command.RECORDINGS, 'a', recording(CALL.replace('HEAD)', 'HEAD)+'), 'a.json'))
    with pytest.raises(SlrError, match='was something changed meanwhile'): command.slr_results(['a'])
    assert (checkout/'data'/'results'/'a.json').read_text()=='{}'
