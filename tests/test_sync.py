"The exported package, the notebooks and the README agree"
import re, shutil, subprocess, sys
from pathlib import Path

root = Path(__file__).parents[1]
BIN = Path(sys.executable).parent

def _files(folder): return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob('*')) if f.is_file() and not {'__pycache__','.ipynb_checkpoints'} & set(f.parts)}

def test_export_and_clean_change_nothing(tmp_path):
    for o in ('nbs','slr_nbdev'): shutil.copytree(root/o, tmp_path/o, ignore=shutil.ignore_patterns('__pycache__','.ipynb_checkpoints'))
    shutil.copy(root/'settings.ini', tmp_path)
    for cmd in ('nbdev_export','nbdev_clean'): subprocess.run([BIN/cmd], cwd=tmp_path, check=True)
    for o in ('nbs','slr_nbdev'):
        before, after = _files(root/o), _files(tmp_path/o)
        assert set(before)==set(after)
        assert [k for k in before if before[k]!=after[k]]==[]

def test_every_module_has_its_notebook():
    exported = {nb.stem.split('_', 1)[1]: re.search(r'#\| default_exp ([\w.]+)', nb.read_text()) for nb in (root/'nbs').glob('[0-9]*.ipynb')}
    exported = {name: m[1] for name,m in exported.items() if m} # a page of the study may export nothing
    assert [m for name,m in exported.items() if m not in (name, f'study.{name}')]==[]
    modules = {'.'.join(p.relative_to(root/'slr_nbdev').with_suffix('').parts) for p in (root/'slr_nbdev').rglob('*.py')}
    assert {m for m in modules if m.split('.')[-1] not in ('__init__','_modidx')}==set(exported.values())

def test_readme_is_the_index_notebook():
    subprocess.run([sys.executable, root/'tests'/'readme.py', '--check'], check=True)
