"The wheel in a clean environment, away from the checkout"
import json, subprocess, sys, venv
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
    assert 'boston104' in sh(bin/'slr_data', 'list')
    study = json.loads(sh(bin/'slr_study', '--epochs', '1', '--device', 'cpu', '--json'))
    assert [study['models'][k]['steps_at_150'] for k in ('original','optimized')]==[150,75]
    assert {p.name for p in (tmp_path/study['folder']).iterdir()}=={'table.txt','examples.txt','study.json','curves.png','errors.png','original','optimized'}
    scored = json.loads(sh(bin/'slr_eval', tmp_path/study['folder']/'optimized'/'best.safetensors', '--device', 'cpu', '--json'))
    assert scored['score']['wer']==round(study['models']['optimized']['wer'], 6)
