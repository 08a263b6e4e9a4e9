"Development under the newest nbdev 3 with fastcore 2: the same exports byte for byte, and every notebook runs"
import os, shutil, subprocess, sys
from pathlib import Path
import pytest
import installs
from test_sync import _files, root

@pytest.mark.long
def test_nbdev_3(tmp_path):
    checkout = tmp_path/'checkout'
    shutil.copytree(root, checkout, ignore=shutil.ignore_patterns('.venv','.git','runs','__pycache__','.ipynb_checkpoints','*.egg-info'))
    env = tmp_path/'env'
    installs.uv('venv', '-q', '--python', sys.executable, env)
    installs.uv('pip', 'install', '-q', '--python', env, installs.TORCH, 'nbdev>=3', 'scikit-image', 'jupyterlab', 'flashlight-text>=0.0.7', '-e', f'{checkout}[pose,onnx]')
    def run(*args):
        r = subprocess.run([env/'bin'/args[0], *args[1:]], cwd=checkout, capture_output=True, text=True, env=os.environ|{'OMP_NUM_THREADS':'1', 'PATH':f"{env/'bin'}:{os.environ['PATH']}"})
        assert r.returncode==0, (r.stdout+r.stderr)[-3000:]
        return (r.stdout+r.stderr).strip().splitlines()
    shutil.rmtree(checkout/'slr_nbdev.egg-info', ignore_errors=True)
    run('nbdev-export')
    before, after = _files(root/'slr_nbdev'), _files(checkout/'slr_nbdev')
    assert set(before)==set(after)
    assert [k for k in before if before[k]!=after[k]]==[]
    assert run('nbdev-test', '--n-workers', '2')[-1]=='Success.'
