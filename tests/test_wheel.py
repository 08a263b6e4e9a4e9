"The wheel in a clean environment, away from the checkout"
import subprocess, sys, venv
from pathlib import Path

root = Path(__file__).parents[1]

def test_wheel_works_by_itself(tmp_path):
    sh = lambda *args: subprocess.run([str(a) for a in args], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    sh(sys.executable, '-m', 'build', '--wheel', '--outdir', tmp_path/'dist', root)
    venv.create(tmp_path/'env', with_pip=True)
    bin = tmp_path/'env'/'bin'
    sh(bin/'pip', 'install', '-q', '--disable-pip-version-check', '-c', root/'constraints.txt', *(tmp_path/'dist').glob('*.whl'))
    told = sh(bin/'python', '-c', 'import slr_nbdev.bilstm_optimized as m, slr_nbdev.config as c; print(m.__file__); print(m.create_model(c.load_config("bilstm_baseline_config.yaml").model.architecture, "cpu").vocab_size)')
    path, vocab_size = told.split()
    assert Path(path).is_relative_to(tmp_path) and vocab_size=='1229'
    for cmd in ('slr_study','slr_train','slr_eval'): assert 'usage' in sh(bin/cmd, '--help')
    assert 'boston104' in sh(bin/'slr_data', 'list')
