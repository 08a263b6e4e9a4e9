"The wheel in clean environments, away from the checkout: with today's newest dependencies; pinned ones (`make test` itself has them), lowest ones and other Pythons in the long tests"
import shutil, subprocess, sys, zipfile
import pytest
import installs

@pytest.fixture(scope='session')
def file(tmp_path_factory): return installs.wheel(tmp_path_factory.mktemp('dist'))

def test_every_file_of_the_package_is_in_the_wheel(file):
    "Recipes, the model and the page too"
    folder = installs.root/'slr_nbdev'
    ours = {str(p.relative_to(installs.root)) for p in folder.rglob('*') if p.is_file() and '__pycache__' not in p.parts}
    assert ours<=set(zipfile.ZipFile(file).namelist())

@pytest.mark.parametrize('how', ['newest', *(pytest.param(how, marks=pytest.mark.long) for how in ('pinned', 'lowest'))])
def test_installed(file, how):
    installs.try_install(file, how)

@pytest.mark.long
@pytest.mark.parametrize('how', installs.HOW)
@pytest.mark.parametrize('version', ['3.10', '3.12', '3.13'])
def test_other_pythons(file, version, how):
    python = shutil.which(f'python{version}')
    if python is None or subprocess.run([python, '-V'], capture_output=True).returncode: pytest.skip(f'Python {version} is not installed')
    if (version, how)==('3.10', 'pinned'): pytest.skip('the pinned versions need Python 3.11')
    installs.try_install(file, how, python)
