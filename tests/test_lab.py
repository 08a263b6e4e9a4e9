"The notebooks in JupyterLab, as `make lab` opens them: Run All in a kernel of a real server, and the tour in a browser"
import json, os, secrets, shutil, subprocess, sys, time
from importlib.util import find_spec
from pathlib import Path

import pytest, requests
from jupyter_client import BlockingKernelClient
from nbdev.config import get_config
from nbdev.process import NBProcessor

ROOT, TOUR = Path(__file__).parents[1], '00_tour'
CHROMIUM = shutil.which('chromium') or shutil.which('google-chrome')
NO_BROWSER = 'no Chromium' if not CHROMIUM else 'no Playwright' if not find_spec('playwright') else None
NOTEBOOKS = ['04_drawing', '30_ctc']+[TOUR]*bool(NO_BROWSER) # quick ones with figures; the tour too where no browser runs it
SETTINGS = {'@jupyterlab/apputils-extension:notification': dict(fetchNews='false', checkForUpdates=False)} # asks other hosts

class Server:
    "JupyterLab at a copy of the notebooks, with settings and a token of its own"
    def __init__(self, root):
        self.root, self.runtime, self.token = root, root/'runtime', secrets.token_hex()
        shutil.copytree(ROOT/'nbs', root/'nbs')
        settings = root/'config'/'labconfig'
        settings.mkdir(parents=True)
        (settings/'default_setting_overrides.json').write_text(json.dumps(SETTINGS))
        own = dict(JUPYTER_RUNTIME_DIR='runtime', JUPYTER_CONFIG_DIR='config', JUPYTER_DATA_DIR='data', IPYTHONDIR='ipython')
        env = os.environ | {k: str(root/v) for k,v in own.items()} | dict(PYTHONPATH=os.pathsep.join(filter(None, [str(ROOT), os.environ.get('PYTHONPATH')])))
        options = ['--no-browser', '--allow-root', '--ServerApp.port=0', f'--IdentityProvider.token={self.token}']
        self.log = open(root/'log', 'w')
        self.process = subprocess.Popen([sys.executable, '-m', 'jupyterlab', *options], cwd=root, env=env, stdout=self.log, stderr=self.log)
        self.url = self.found()

    def found(self, seconds=120):
        "Its address, once it answers"
        file, end = self.runtime/f'jpserver-{self.process.pid}.json', time.time()+seconds
        while time.time()<end and self.process.poll() is None:
            try:
                url = json.loads(file.read_text())['url']
                requests.get(url+'api', timeout=10)
                return url
            except (OSError, ValueError): time.sleep(.1)
        self.close()
        raise TimeoutError((self.root/'log').read_text())

    def ask(self, method, path, **kwargs):
        r = requests.request(method, self.url+'api/'+path, headers={'Authorization': f'token {self.token}'}, timeout=60, **kwargs)
        r.raise_for_status()
        return r.json() if r.content else None

    def close(self):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()

@pytest.fixture(scope='module')
def lab(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp('lab'))
    yield server
    server.close()

def cells(path):
    "The code cells that `refresh.py` runs without a flag"
    flags = set(get_config(ROOT/'settings.ini').tst_flags.split())
    code = [c for c in NBProcessor(path, rm_directives=False).nb.cells if c.cell_type=='code']
    left_out = lambda c: 'nbdev_export(' in c.source or flags & c.directives_.keys() or c.directives_.get('eval:')==['false']
    return [c for c in code if not left_out(c)]

def run_all(lab, name):
    "Run a notebook in a kernel that the server starts for it: the outputs of each cell"
    path = f'nbs/{name}.ipynb'
    session = lab.ask('POST', 'sessions', json=dict(path=path, name=name, type='notebook', kernel=dict(name='python3')))
    client = BlockingKernelClient(connection_file=str(lab.runtime/f"kernel-{session['kernel']['id']}.json"))
    client.load_connection_file()
    client.start_channels(hb=False) # a busy machine's heart may miss a beat
    client.wait_for_ready(120)
    outputs = []
    for cell in cells(lab.root/path):
        said = []
        reply = client.execute_interactive(cell.source, timeout=300, output_hook=said.append)['content']
        assert reply['status']=='ok', '\n'.join(reply['traceback'])
        outputs.append([m['content'] | dict(output_type=m['msg_type']) for m in said])
    client.stop_channels()
    lab.ask('DELETE', f"sessions/{session['id']}")
    return outputs

def pictures(outputs): return sorted(kind for o in outputs for kind in o.get('data', {}) if kind.startswith('image/'))

def check(outputs, stored):
    "Each cell shows the pictures that it shows in the repository, and nothing warns or fails"
    assert [pictures(o) for o in outputs]==[pictures(c.outputs) for c in stored]
    everything = [o for cell in outputs for o in cell]
    assert not [o for o in everything if o['output_type']=='error' or 'Warning' in ''.join(o.get('text', ''))]

@pytest.mark.parametrize('name', NOTEBOOKS)
def test_runs_in_a_kernel_of_the_server(lab, name): check(run_all(lab, name), cells(ROOT/'nbs'/f'{name}.ipynb'))

def opened():
    "What `make lab` opens"
    return subprocess.run(['make', '--no-print-directory', '-n', 'lab'], cwd=ROOT, capture_output=True, text=True).stdout.split()[-1]

def test_make_lab_opens_the_tour(): assert opened()==f'nbs/{TOUR}.ipynb'

@pytest.fixture
def page(lab):
    "The tour in JupyterLab, with its kernel ready; high enough to show all of it"
    from playwright.sync_api import sync_playwright
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=['--no-sandbox'])
        page = browser.new_page(viewport=dict(width=1280, height=5000))
        page.set_default_timeout(300_000)
        page.goto(f'{lab.url}lab/tree/{opened()}?token={lab.token}')
        page.get_by_text('| Idle').wait_for()
        yield page
        browser.close()

@pytest.mark.skipif(NO_BROWSER is not None, reason=f'the tour in JupyterLab needs a browser: {NO_BROWSER}')
def test_run_all_shows_the_tour(lab, page, tmp_path):
    "A bar while the model learns, figures and moving skeletons, every cell once and in order"
    page.get_by_role('menuitem', name='Run', exact=True).click()
    page.locator('[data-command="runmenu:run-all"]').click()
    page.locator('.jp-OutputArea .progress-bar').wait_for()
    page.screenshot(path=tmp_path/'learning.png')
    page.locator('.jp-Notebook-ExecutionIndicator[data-status=idle]').wait_for()
    page.screenshot(path=tmp_path/'tour.png')
    skeleton = page.locator('.jp-OutputArea img[src^="data:image/gif"]').first
    assert len({skeleton.screenshot() for _ in range(5)})>1 # it moves
    assert page.locator('.jp-OutputArea img[src^="data:image/png"]').first.is_visible()
    with page.expect_response(lambda r: r.request.method=='PUT' and '/api/contents/' in r.url): page.keyboard.press('Control+s')
    code = [c for c in json.loads((lab.root/opened()).read_text())['cells'] if c['cell_type']=='code']
    assert [c['execution_count'] for c in code]==[i+1 for i in range(len(code))]
    check([c['outputs'] for c in code], [c for c in NBProcessor(ROOT/opened(), rm_directives=False).nb.cells if c.cell_type=='code'])
