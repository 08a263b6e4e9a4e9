"The page in the browser: it computes what Python computes, reads films and the camera, and sends nothing anywhere"
import base64, hashlib, http.client, io, json, re, shutil, signal, subprocess, sys, tarfile, threading, time
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path
from types import SimpleNamespace
import numpy as np, pytest
from slr_nbdev import demo
from slr_nbdev.calibration import timed_spans
from slr_nbdev.config import load_config
from slr_nbdev.core import SlrError
from slr_nbdev.corpora import Vocabulary
from slr_nbdev.ctc import greedy_decode
from slr_nbdev.decoding import ClassLM, beam_search
from slr_nbdev.export import Features, OnnxRecognizer
from slr_nbdev.landmarks import FeatureStats
from slr_nbdev.language import train_ngram
from slr_nbdev.points import LANDMARK_SETS, POSE, PoseLandmark, clip_with_hands, landmark_set
from slr_nbdev.recognition import model_input, own_model, points_known, resample
from slr_nbdev.tracking import hands_of_body

# --- what needs no browser: the libraries, the server, the command

def archive(files):
    "A package as npm packs it, and its SHA-512 in npm's spelling"
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w:gz') as tar:
        for name,data in files.items():
            info = tarfile.TarInfo(f'package/{name}')
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue(), base64.b64encode(hashlib.sha512(out.getvalue()).digest()).decode()

@pytest.fixture
def registry(tmp_path, monkeypatch):
    "A registry on this machine with two small packages: the folder that it serves, and their archives"
    content = {'@one/lib': {'a.mjs': b'export const a = 1', 'other.txt': b'not needed'}, 'two': {'dist/b.wasm': b'\0asm'}}
    packages = []
    for name,files in content.items():
        data, sha = archive(files)
        needed = {Path(f).name: (f, hashlib.sha256(x).hexdigest()) for f,x in files.items() if f!='other.txt'}
        packages.append(demo.NpmPackage(name, '1.0.0', sha, needed))
        place = tmp_path/'registry'/name/'-'/f"{name.split('/')[-1]}-1.0.0.tgz"
        place.parent.mkdir(parents=True)
        place.write_bytes(data)
    server = ThreadingHTTPServer(('127.0.0.1', 0), partial(SimpleHTTPRequestHandler, directory=tmp_path/'registry'))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(demo, 'NPM', f'http://127.0.0.1:{server.server_port}')
    monkeypatch.setattr(demo, 'PACKAGES', tuple(packages))
    yield tmp_path/'registry'
    server.shutdown()

def left(folder): return sorted(p.name for p in folder.rglob('*') if p.is_file())

def test_only_what_is_needed_is_taken_and_fetched_once(registry, tmp_path):
    folder = demo.fetch_assets(tmp_path/'cache')
    assert left(folder)==['a.mjs','b.wasm'] and demo.check_assets(folder)['b.wasm'].read_bytes()==b'\0asm'
    shutil.rmtree(registry)
    assert demo.fetch_assets(folder)==folder # needs no network any more

def test_what_is_torn_is_named_and_fetched_again(registry, tmp_path):
    folder = demo.fetch_assets(tmp_path/'cache')
    (folder/'a.mjs').write_bytes(b'export const')
    with pytest.raises(SlrError, match=r'missing or damaged \(a.mjs\); slr_data fetch demo-assets'): demo.check_assets(folder)
    shutil.rmtree(registry/'two') # what is whole is left alone
    demo.fetch_assets(folder)
    assert demo.check_assets(folder)['a.mjs'].read_bytes()==b'export const a = 1'

@pytest.mark.parametrize('change', [lambda data: data[:-10], lambda data: data+b'x', lambda data: b'<html>Please log in'])
def test_other_content_is_refused(registry, tmp_path, change):
    file = registry/'two'/'-'/'two-1.0.0.tgz'
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(SlrError, match='two-1.0.0.tgz is not the file that is pinned .another SHA-512') as e: demo.fetch_assets(tmp_path/'cache')
    assert left(tmp_path/'cache')==['a.mjs'] and 'network' not in str(e.value)

def test_no_network(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(demo, 'NPM', 'http://127.0.0.1:9')
    with pytest.raises(SlrError, match='could not be downloaded.*without a network, copy the folder'): demo.fetch_assets(tmp_path/'cache')
    assert capfd.readouterr().err=='' and left(tmp_path/'cache')==[]

def test_a_full_disk_is_named(registry, tmp_path, monkeypatch):
    def full(*args): raise OSError(28, 'No space left on device')
    monkeypatch.setattr(demo, 'whole_file', full)
    with pytest.raises(SlrError, match="cache: can't keep @one/lib there .No space left"): demo.fetch_assets(tmp_path/'cache')

def test_fetched_by_the_command(registry, call, tmp_path):
    r = call('slr_data', 'fetch', 'demo-assets', '--root', 'libraries')
    assert r.returncode==0 and r.stdout.strip()=='libraries', r.stderr
    assert left(tmp_path/'libraries')==['a.mjs','b.wasm']
    r = call('slr_data', 'fetch', 'demo-assets', '--root', '/dev/null/x')
    assert r.returncode==1 and "can't write there" in r.stderr and 'slr_data fetch demo-assets --root DIR' in r.stderr

def test_bad_input_to_the_command(registry, call, tmp_path):
    onnx = pytest.importorskip('onnx')
    demo.fetch_assets(tmp_path/'libraries')
    graph = onnx.helper.make_graph([onnx.helper.make_node('Identity', ['x'], ['y'])], 'other', *([onnx.helper.make_tensor_value_info(n, 1, [1])] for n in 'xy'))
    onnx.save(onnx.helper.make_model(graph, ir_version=8, opset_imports=[onnx.helper.make_opsetid('', 17)]), tmp_path/'other.onnx')
    (tmp_path/'text.onnx').write_text('no model')
    cases = [(('other.onnx',), 'an ONNX file, but not one of slr_nbdev'), (('text.onnx',), 'text.onnx: not a readable ONNX file'),
        (('none.onnx',), 'no such file'), (('none.safetensors',), 'no such checkpoint'), (('--assets','nowhere'), "nowhere: the page's libraries are missing"),
        (('--assets','libraries','--model','text.onnx'), 'text.onnx: not a pose model'), (('--assets','libraries','--port','70000'), '--port 70000')]
    for args,says in cases:
        r = call('slr_demo', *args, '--no_browser')
        assert r.returncode==1 and says in r.stderr and len([l for l in r.stderr.splitlines() if 'note:' not in l])==1, (args, r.stderr)

def test_only_named_files_and_the_policy_on_every_answer(tmp_path):
    (tmp_path/'page.html').write_text('Here')
    server = demo.PageServer({'/': tmp_path/'page.html', '/model.json': b'{}'})
    threading.Thread(target=server.serve_forever, daemon=True).start()
    def ask(path, method='GET', host=None):
        line = http.client.HTTPConnection('127.0.0.1', server.server_port)
        line.request(method, path, headers={'Host': host} if host else {})
        r = line.getresponse()
        return r.status, r.headers['Content-Security-Policy'], r.read()
    answers = {('/',): 200, ('/?x=1',): 200, ('/','HEAD'): 200, ('/model.json',): 200, ('/page.html',): 404, ('/../page.html',): 404,
        ('/%2e%2e/page.html',): 404, ('/etc/passwd','HEAD'): 404, ('/','POST'): 501, ('/','GET','elsewhere.example'): 403, ('/','GET','127.0.0.1'): 403}
    found = {args: ask(*args) for args in answers}
    server.shutdown()
    assert {args: r[0] for args,r in found.items()}==answers
    assert {r[1] for r in found.values()}=={demo.POLICY} and "default-src 'none'" in demo.POLICY and "connect-src 'self'" in demo.POLICY
    assert found['/',][2]==b'Here' and found['/','HEAD'][2]==b''
    assert server.server_address[0]=='127.0.0.1' # no other machine can reach it

def test_a_browser_that_leaves_early_is_no_error(capfd):
    server = demo.PageServer({'/': bytes(50_000_000)})
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for _ in range(3):
        line = http.client.HTTPConnection('127.0.0.1', server.server_port)
        line.request('GET', '/')
        line.sock.close()
    time.sleep(.3)
    server.shutdown()
    assert capfd.readouterr().err==''

# --- golden numbers: features

def checkpoint(landmarks='pose', seed=0, unknown=(), lm=None, **options):
    "All that a page has to know of a model that was never trained"
    settings = dict(velocity=False, geometry=False, one_unit=True, aspect=None)|options
    f, rng = Features(landmarks, **settings), np.random.default_rng(seed)
    mean, std = rng.normal(0, .3, f.width).astype(np.float32), rng.uniform(.1, 1, f.width).astype(np.float32)
    for k in unknown: mean[2*k:2*k+2], std[2*k:2*k+2] = 0, 1
    return SimpleNamespace(config=SimpleNamespace(features=f, decoding=SimpleNamespace(beam_size=None)), stats=FeatureStats(mean, std),
        vocab=Vocabulary(['A','B']), model=SimpleNamespace(frames_per_step=2), lm=lm, temperature=1., info={})

def told(c, fps=None): return demo.describe_model(SimpleNamespace(checkpoint=c, fps=fps), 'test')

def moving(points, T, seed, lost=.2):
    "Somebody who moves at random, with gaps and points that are never seen"
    rng, x = np.random.default_rng(seed), clip_with_hands(max(T, 2))[:T]
    left = x[:,33:54]
    left[:] = np.where(np.isnan(left), x[:,54:75]*[-1,1]+[1,0], left)
    x = x+np.cumsum(rng.normal(0, .01, x.shape), 0)
    x[rng.random(x.shape[:2])<lost] = np.nan
    if seed%3==0: x[:,rng.integers(0, x.shape[1], 6)] = np.nan
    if seed%3==1: x[:,33:54] = np.nan # a hand that is never there
    x[0,PoseLandmark.NOSE] = .5,.2
    return x[:,LANDMARK_SETS['pose+hands'].take(landmark_set(points))].astype(np.float32)

ODD = ['RIGHT_WRIST','LEFT_HAND_MIDDLE_MCP','NOSE','LEFT_WRIST','LEFT_HAND_WRIST','RIGHT_SHOULDER','LEFT_SHOULDER','LEFT_HAND_INDEX_TIP']
RECIPES = sorted(p.name for p in (Path(demo.__file__).parent/'recipes').glob('*.yaml'))

def feature_cases():
    "(checkpoint, clip, aspect) of every kind of features, and of clips that are difficult"
    n = 0
    for points,velocity,geometry,(one_unit,aspect) in product(('pose','pose+hands','upper+hands',ODD), (False,True), (False,True), ((False,None), (True,None), (True,1.333))):
        for T in (1, 2, 13): yield checkpoint(points, n, velocity=velocity, geometry=geometry, one_unit=one_unit), moving(points, T, n:=n+1), aspect
    yield checkpoint('pose', 1, aspect=.75), moving('pose', 9, 5), None            # the shape that training was told
    yield checkpoint('pose+hands', 2, [3,40,41]), moving('pose+hands', 9, 7), 1.5  # points that training has not seen
    side = moving('pose+hands', 9, 8, 0)
    side[:,PoseLandmark.LEFT_SHOULDER] = side[:,PoseLandmark.RIGHT_SHOULDER]+.001  # from the side: shoulders measure nothing
    yield checkpoint('pose+hands'), side, 1.
    bare = moving('pose', 9, 9, 0)
    bare[:,[PoseLandmark.LEFT_SHOULDER, PoseLandmark.NOSE]] = np.nan
    yield checkpoint('pose'), bare, 1.
    yield checkpoint('pose'), np.full((4,33,2), .5, np.float32), 1. # all points in one place
    for i,recipe in enumerate(RECIPES):
        f = load_config(recipe).features
        yield checkpoint(f.landmarks, i, velocity=f.velocity, geometry=f.geometry, one_unit=f.one_unit), moving(f.landmarks, 11, 50+i), 1.2

def recordings(real_data, n=8):
    "Recordings of real people: single signs, three to a clip, NaN where nothing was found"
    with np.load(real_data/'asl_words_mp.npz') as data:
        which = np.random.default_rng(0).choice(np.flatnonzero(data['session']=='34b17b694'), (n,3))
        body, hands = data['pose_xy'][which], data['hands_xy'][which]
    hands = hands.reshape(n, 60, 2, 21, 2).astype(np.float32)
    hands[(hands==0).all((3,4))] = np.nan
    return [*np.concatenate([body.reshape(n, 60, 33, 2), hands.reshape(n, 60, 42, 2)], 2).astype(np.float32)]

def sent(x):
    "An array as JSON: null for NaN"
    x = np.asarray(x, float)
    return np.where(np.isnan(x), None, x.astype(object)).tolist()

def run_in(page, code, cases):
    "What a function of the page makes of something that JSON can hold; as one text, which Playwright passes on faster"
    return json.loads(page.evaluate(f'async text => JSON.stringify(await ({code})(JSON.parse(text)))', json.dumps(cases)))

INPUTS = '''async cases => {
    const {modelInput} = await import('/numbers.js');
    return cases.map(({about, clip, aspect}) => {
        try { return Array.from(modelInput(clip.map(frame => Float32Array.from(frame.flat().map(x => x ?? NaN))), about, aspect)); }
        catch (e) { return e.message; }
    });
}'''

def furthest(page, cases):
    "Largest distance of the page's numbers from Python's, over the clips"
    theirs = run_in(page, INPUTS, [dict(about=told(c), clip=sent(x), aspect=aspect) for c,x,aspect in cases])
    ours = [model_input(x, c, aspect) for c,x,aspect in cases]
    assert [np.size(x) for x in theirs]==[x.size for x in ours], [x for x in theirs if isinstance(x, str)]
    assert all(np.ptp(x)>0 for x in ours)
    return max(np.abs(a.ravel()-b).max() for a,b in zip(ours, theirs))

def test_numbers_are_those_of_python(page):
    assert furthest(page, [*feature_cases()])<1e-5

def test_numbers_of_real_recordings(page, real_data):
    own = OnnxRecognizer.load(own_model()).checkpoint
    assert furthest(page, [(own, x, None) for x in recordings(real_data)])<1e-5

def test_a_clip_that_nobody_is_in_is_refused(page):
    nobody, outside = moving('pose', 4, 1)*np.nan, moving('pose', 4, 1)+3
    said = run_in(page, INPUTS, [dict(about=told(checkpoint()), clip=sent(x), aspect=None) for x in (nobody, outside)])
    assert said==['nobody was found in it', 'the head and the shoulders are outside the picture']
    for x in (nobody, outside):
        with pytest.raises(SlrError): model_input(x, checkpoint())

def test_resampled_as_python_does(page):
    "At uneven times, faster and slower, with gaps"
    rng, cases = np.random.default_rng(0), []
    for n,fps in ((2,25.), (20,25.), (20,60.), (31,7.), (9,29.97)):
        cases.append((moving('pose', n, n), np.cumsum(rng.uniform(.01, .09, n))-.01, fps))
    theirs = run_in(page, '''async cases => { const {resample} = await import('/numbers.js');
        return cases.map(([clip, seconds, fps]) => resample(clip.map(f => Float32Array.from(f.flat().map(x => x ?? NaN))), seconds, fps).map(f => Array.from(f, x => Number.isNaN(x) ? null : x))); }''',
        [[sent(x), seconds.tolist(), fps] for x,seconds,fps in cases])
    for (x,seconds,fps),found in zip(cases, theirs):
        np.testing.assert_allclose(np.array(found, float), resample(x, seconds, fps).reshape(len(found), -1), atol=1e-6)

def test_hands_are_given_to_their_wrists_as_in_python(page):
    rng, cases = np.random.default_rng(0), []
    for i in range(60):
        body = np.concatenate([rng.normal(.5, .1, (33,2)), np.ones((33,1))], 1) if i%5 else np.full((33,3), np.nan)
        near = np.nan_to_num(body[rng.choice([15,16,0], i%3),:2], nan=.5)
        cases.append((near[:,None]+rng.normal(0, .05, (i%3,21,2)), rng.choice(['LEFT','RIGHT'], i%3).tolist(), body, rng.uniform(.5, 2)))
    theirs = run_in(page, '''async cases => { const {handsOfBody} = await import('/numbers.js');
        return cases.map(([hands, sides, body, aspect]) => handsOfBody(hands, sides, body.map(p => p.map(x => x ?? NaN)), aspect).map(p => p.map(x => Number.isNaN(x) ? null : x))); }''',
        [[sent(h), s, sent(b), a] for h,s,b,a in cases])
    ours = [hands_of_body(h.astype(np.float32), s, b, a) for h,s,b,a in cases]
    assert 20<sum(np.isfinite(x).any() for x in ours)<60
    np.testing.assert_allclose(np.array(theirs, float), np.stack(ours), atol=1e-6)

# --- golden sentences: decoding

def scores(T, V, seed, sharp):
    "Log-probabilities as a model writes them: blank most of the time"
    x = np.random.default_rng(seed).normal(0, sharp, (T,V))
    x[:,0] += sharp
    return (x-np.log(np.exp(x).sum(1, keepdims=True))).astype(np.float32)

DECODED = '''async cases => {
    const {decode, timedSpans} = await import('/decoding.js');
    return cases.map(({rows, about, frames}) => {
        const sentence = decode(rows, about);
        return {sentence, spans: timedSpans(rows, sentence, about.frames_per_step, frames, about.temperature)};
    });
}'''

def test_sentences_times_and_scores_are_those_of_python(page):
    cases, expected = [], []
    for i in range(90):
        rng = np.random.default_rng(i)
        words = [f'W{k}' for k in range(3 if i%4 else 60)]
        lp = scores(int(rng.integers(1, 40)), len(words)+3, i, rng.choice([.5, 2, 5]))
        lm = train_ngram([rng.choice(words[:-1]+['NEW'], 5).tolist() for _ in range(20)], 1+i%3) if i%3 else None
        c = checkpoint(lm=lm)
        c.vocab, c.temperature, c.model.frames_per_step = Vocabulary(words), [1., 1.7][i%2], 1+i%4
        c.config.decoding = SimpleNamespace(beam_size=[None, 1, 5, 12][i%4], lm_weight=.8 if lm else 0., insertion_score=[0, .7, -.4][i%3], lm_order=None)
        frames = len(lp)*c.model.frames_per_step-i%2*(c.model.frames_per_step-1)
        d, n = c.config.decoding, np.array([len(lp)])
        classes = ClassLM(lm, c.vocab.itos) if lm else None
        said = beam_search(lp[:,None], n, d.beam_size, classes, d.lm_weight, d.insertion_score)[0][0].symbols if d.beam_size else greedy_decode(lp[:,None], n)[0]
        expected.append((list(said), timed_spans(lp, said, c.model.frames_per_step, frames, c.temperature)))
        cases.append(dict(rows=lp.tolist(), about=told(c), frames=frames))
    theirs = run_in(page, DECODED, cases)
    assert [r['sentence'] for r in theirs]==[s for s,_ in expected]
    assert sum(map(len, (s for s,_ in expected)))>200
    for r,(_,spans) in zip(theirs, expected):
        assert [s[:2] for s in r['spans']]==[s[:2] for s in spans]
        np.testing.assert_allclose([s[2] for s in r['spans']], [s[2] for s in spans], atol=1e-4)

def test_seconds_are_rounded_as_in_python(page):
    values = [k/16 for k in range(200)]+[k/30 for k in range(99)]+[.0005, 1.0005, 2.5, -.0625]
    assert page.evaluate("async x => { const {rounded} = await import('/decoding.js'); return x.map(v => rounded(v, 3)); }", values)==[round(v, 3) for v in values]

# --- the whole page

@pytest.fixture(scope='session')
def libraries():
    "A skip where what the page needs is missing"
    try: demo.page_files()
    except SlrError as e: pytest.skip(f'the page is not tested: {e}')

@pytest.fixture(scope='session')
def browsers(libraries):
    "Starts Chromium; a skip by name where it or Playwright is missing"
    try: from playwright.sync_api import sync_playwright
    except ImportError: pytest.skip('the page is not tested: no Playwright (pip install playwright)')
    chromium = shutil.which('chromium') or shutil.which('google-chrome')
    if not chromium: pytest.skip('the page is not tested: no Chromium')
    with sync_playwright() as p:
        yield lambda *args: p.chromium.launch(executable_path=chromium, args=['--no-sandbox', *args])

WATCH = "window.stopped = []; document.addEventListener('securitypolicyviolation', e => window.stopped.push(e.blockedURI))"

@pytest.fixture(scope='session')
def served(browsers):
    "Our own model's page: its address"
    server = demo.PageServer(demo.page_files()[0])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()

def opened(browser, server):
    "The page, loaded; `page.requests` are all addresses that it got through to"
    page = browser.new_page(viewport=dict(width=1280, height=900))
    page.requests = []
    page.on('request', lambda r: page.requests.append(r.url))
    page.on('requestfailed', lambda r: r.failure=='csp' and page.requests.remove(r.url)) # stopped before it left
    page.add_init_script(WATCH)
    page.set_default_timeout(120_000)
    page.goto(server.url)
    page.evaluate('slr.ready.catch(() => 0)')
    return page

@pytest.fixture(scope='session')
def page(browsers, served):
    browser = browsers()
    yield opened(browser, served)
    browser.close()

RECOGNISED = '''async cases => {
    await slr.ready;
    const {Recognizer} = await import('/recognizer.js'), {session} = await Recognizer.load();
    return Promise.all(cases.map(({about, clip}) => new Recognizer(about, session).recognize(clip)));
}'''

def as_page_reads(page, cases):
    "Glosses of (recogniser, landmarks, fps, aspect) from the page and from Python"
    asked = [dict(about=demo.describe_model(r, ''), clip=dict(landmarks=sent(x), seconds=(np.arange(len(x))/fps).tolist(), fps=fps, aspect=aspect)) for r,x,fps,aspect in cases]
    return run_in(page, RECOGNISED, asked), [r.recognize(x, fps, aspect=aspect) for r,x,fps,aspect in cases]

def check_same(theirs, ours):
    as_rows = lambda glosses: [(g['gloss'], g['start'], g['end']) for g in glosses]
    assert [as_rows(r['glosses']) for r in theirs]==[as_rows(r.as_dict()['glosses']) for r in ours]
    for r,o in zip(theirs, ours): np.testing.assert_allclose([g['score'] for g in r['glosses']], [g.score for g in o.glosses], atol=2e-3)

def test_glosses_of_real_recordings(page, real_data):
    "As `slr_recognize` has them: our own model as it is, at another frame rate, with other decodings"
    rec = OnnxRecognizer.load(own_model())
    clips = recordings(real_data)
    sentences = [['a','coffee','please'], ['can','i','get','tea'], ['hello','small','muffin']]*3
    with_lm = replace(rec.checkpoint, lm=train_ngram(sentences, 2), config=SimpleNamespace(features=rec.checkpoint.config.features,
        decoding=SimpleNamespace(beam_size=8, lm_order=2, lm_weight=1.5, insertion_score=.5)), info=rec.checkpoint.info|{'calibration': 2.5})
    others = [OnnxRecognizer(rec.checkpoint, fps=20.), OnnxRecognizer(with_lm)]
    cases = [(rec, x, 25., None) for x in clips]+[(r, x, 30., 1.333) for r in others for x in clips[:3]]
    theirs, ours = as_page_reads(page, cases)
    check_same(theirs, ours)
    assert sum(len(o.glosses) for o in ours)>30 and 'resampled' in theirs[len(clips)]['notes'][0]
    assert theirs[-3]['glosses']!=theirs[0]['glosses'] # other settings do something

def test_glosses_of_random_clips(page):
    rec = OnnxRecognizer.load(own_model())
    check_same(*as_page_reads(page, [(rec, moving('pose+hands', 5+4*i, i), 25., None) for i in range(12)]))

def test_a_checkpoint_of_pytorch(page, tmp_path):
    "The optimized model, which reads the body alone: the page gets it as it gets any other, and needs no model of hands"
    for name in ('onnx','torch'): pytest.importorskip(name)
    from slr_nbdev.config import override
    from slr_nbdev.recognition import Recognizer
    from slr_nbdev.resume import train_model
    from slr_nbdev.signer import simulate_corpus
    small = override(load_config(), {'model.architecture.hidden_dim':24, 'model.architecture.num_layers':1, 'training.epochs':1, 'decoding.beam_size':5, 'decoding.insertion_score':4.}) # so that it says something
    corpus = simulate_corpus(n_glosses=5, n_train=16, n_dev=1, n_test=4, mean_glosses=3)
    train_model(corpus, small, tmp_path/'run', 'cpu', progress=False)
    path = next((tmp_path/'run').rglob('best.safetensors'))
    files, about = demo.page_files(path)
    assert '/hand.task' not in files and '/pose.task' in files and about['card'] and '5 glosses' in about['name']
    server = demo.PageServer(files)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    other, rec = opened(page.context.browser, server), Recognizer.load(path, 'cpu')
    cases = [(u.landmarks, fps) for u in corpus.test for fps in (25., 40.)]
    theirs = run_in(other, 'clips => Promise.all(clips.map(slr.recognize))', [dict(landmarks=sent(x), seconds=(np.arange(len(x))/fps).tolist(), fps=fps, aspect=1.) for x,fps in cases])
    ours = [rec.recognize(x, fps, aspect=1.) for x,fps in cases]
    check_same(theirs, ours)
    assert sum(len(o.glosses) for o in ours)>4
    other.close()
    server.shutdown()

WALKED = '''async () => {
    const {openFilm} = await import('/pictures.js'), {pictures} = await openFilm(document.querySelector('#other').files[0]), out = [];
    for await (const {picture: {width, height}, picture, time} of pictures) {
        const at = (x, y) => picture.getContext('2d').getImageData(x*width, y*height, 1, 1).data[0];
        out.push([time, width, height, at(.25, .25), at(.75, .25), at(.25, .75), at(.75, .75)]);
    }
    return out;
}'''

def walked(page, path):
    "Of each frame that the page finds in a film: time, width, height, and how bright it is in four places"
    page.evaluate("document.querySelector('#other') || document.body.append(Object.assign(document.createElement('input'), {type: 'file', id: 'other'}))")
    page.set_input_files('#other', path)
    return page.evaluate(WALKED)

def test_every_frame_of_a_film_at_its_own_time(page, tmp_path):
    "Even and uneven times, a first frame that comes late, a long halt, turned films, pixels that aren't square, VP9: as Python has them"
    for name in ('av','skimage'): pytest.importorskip(name)
    import films
    from slr_nbdev.extraction import VideoPictures
    rng, grey = np.random.default_rng(0), films.grey(25)
    uneven = (500+np.cumsum(rng.integers(15, 70, 25))).tolist()
    made = [films.film(tmp_path/'even.mp4', grey), films.film(tmp_path/'uneven.mp4', grey, times=uneven),
        films.film(tmp_path/'halt.mp4', grey, times=[20*i+600*(i>12) for i in range(25)]), films.film(tmp_path/'wide.mp4', grey, sar='3/2'),
        films.with_matrix(films.film(tmp_path/'turned.mp4', grey), (0,1,-1,0)), films.film(tmp_path/'vp9.webm', grey, 'libvpx-vp9')]
    for path in made:
        theirs = [(s, *p.shape[1::-1], *(p[int(y*p.shape[0]),int(x*p.shape[1]),0] for y in (.25,.75) for x in (.25,.75))) for s,p in VideoPictures(path)]
        found, theirs = np.array(walked(page, path), float), np.array(theirs, float)
        np.testing.assert_allclose(found[:,:3], theirs[:,:3], atol=1e-3 if path.suffix=='.webm' else 1e-5, err_msg=path.name)
        np.testing.assert_allclose(found[:,3:], theirs[:,3:], atol=4, err_msg=path.name)
        assert len(found)==25 and np.ptp(theirs[0,3:])>20

def until(page, condition, seconds=120):
    "Wait until something holds (Playwright's own way is stopped by the page's policy)"
    end = time.monotonic()+seconds
    while not page.evaluate(condition):
        assert time.monotonic()<end, condition
        page.wait_for_timeout(50)

def read(page):
    "Wait until the page has read something; what it says"
    until(page, "document.querySelector('#status').textContent.includes('pictures read') || !document.querySelector('#error').hidden")
    assert page.inner_text('#error')=='', page.inner_text('#error')
    return page.evaluate('slr.clip')

def test_a_real_film(page, real_data, tmp_path):
    "A film of a signer: its frames at their times, landmarks near Python's, glosses that Python makes of the page's landmarks"
    for name in ('mediapipe','skimage'): pytest.importorskip(name)
    import films
    from slr_nbdev.extraction import VideoPictures, extract
    pictures = [(s, p) for s,p in VideoPictures(real_data/'media'/'autsl_signer0_sample1000.mp4')][12:28:2]
    path = films.film(tmp_path/'signer.mp4', [p for _,p in pictures], times=[round(1000*s) for s,_ in pictures])
    page.set_input_files('#file', path)
    clip, theirs = read(page), extract(path, points=LANDMARK_SETS['pose+hands'])
    np.testing.assert_allclose(clip['seconds'], theirs.seconds, atol=1e-5)
    ours = np.array(clip['landmarks'], float)
    assert (np.isnan(ours)==np.isnan(theirs.landmarks)).all() and clip['aspect']==theirs.aspect
    off = np.abs(ours-theirs.landmarks)[...,:2]
    assert np.nanmedian(off)<.002 and np.nanquantile(off[:,:25], .99)<.02
    check_same([clip], [OnnxRecognizer.load(own_model()).recognize(ours, clip['fps'], aspect=clip['aspect'])])
    words = [' '.join(row.split()[:1]) for row in page.locator('#glosses tr').all_inner_texts()]
    assert words==[g['gloss'] for g in clip['glosses']] and page.inner_text('#sentence')==(' '.join(words) or '(nothing)')
    page.click('#play')
    until(page, "document.querySelector('#play').textContent=='Play'")
    assert float(page.input_value('#position'))==pytest.approx(clip['seconds'][-1], abs=.05)
    drawn = page.evaluate("(() => { const c = document.querySelector('#stage'), d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let n = 0; for (let i = 0; i<d.length; i += 4) n += d[i]==1 && d[i+1]==115 && d[i+2]==178; return n; })()")
    assert drawn>100 # the left side of a skeleton, in its colour
    assert_nothing_left(page)

def assert_nothing_left(page):
    "All that was asked for came from this machine; what a library tried to send was stopped, and it did try"
    places = {re.match(r'(blob:)?http://127\.0\.0\.1:\d+/|data:', url) and 'here' or url for url in page.requests}
    assert places=={'here'} and len(page.requests)>10
    tried = page.evaluate('window.stopped')
    assert tried and all('googleapis' in url for url in tried)

def test_the_policy_stops_what_would_leave(browsers, served):
    "Also of the page's own: else the test above could not fail"
    browser = browsers()
    page = opened(browser, served)
    assert page.evaluate("fetch('https://example.com/').then(() => 'left', () => 'stopped')")=='stopped'
    page.evaluate("document.body.append(Object.assign(new Image(), {src: 'https://example.com/a.png'}))")
    until(page, 'window.stopped.length>1')
    assert not [url for url in page.requests if 'example.com' in url]
    browser.close()

def test_bad_films_by_name(page, tmp_path):
    for name in ('av','skimage'): pytest.importorskip(name)
    import films
    good = films.film(tmp_path/'good.mp4', films.pictures(12)).read_bytes()
    (tmp_path/'notes.mp4').write_text('no film')
    (tmp_path/'cut.mp4').write_bytes(good[:len(good)//2])
    (tmp_path/'damaged.mp4').write_bytes(good[:len(good)//3]+bytes(len(good)//3)+good[2*len(good)//3:])
    films.film(tmp_path/'old.mp4', films.grey(5), 'mpeg4')
    for name,says in {'notes.mp4': 'not a film, or a damaged one. H.264, VP8', 'cut.mp4': 'no pictures are found in it: only sound, or cut short.',
                      'damaged.mp4': "can't be decoded after ", 'old.mp4': "this browser can't decode its pictures. H.264"}.items():
        page.set_input_files('#file', tmp_path/name)
        until(page, f"document.querySelector('#error').textContent.startsWith('{name}')")
        assert page.inner_text('#error').startswith(f'{name}: {says}')
        until(page, "!document.querySelector('#file').disabled")
        assert page.is_hidden('#result') and page.inner_text('#status')==''
    page.evaluate('''() => { const d = new DataTransfer(); d.items.add(new File(['no film'], 'dropped.mp4'));
        document.dispatchEvent(new DragEvent('drop', {dataTransfer: d, bubbles: true, cancelable: true})); }''')
    until(page, "document.querySelector('#error').textContent.startsWith('dropped.mp4: not a film')")

def test_no_camera(page):
    page.click('#camera')
    page.wait_for_selector('#error:not([hidden])')
    assert page.inner_text('#error')=='Camera: no camera was found. A film can be read all the same.'

def test_the_camera(browsers, served, tmp_path):
    "Chromium's fake camera shows the astronaut, of whom body and one drawn hand are found"
    pytest.importorskip('skimage')
    import av
    from films import waving
    picture, _ = waving()
    with av.open(str(tmp_path/'camera.mjpeg'), 'w', format='mjpeg') as out:
        stream = out.add_stream('mjpeg', 5)
        stream.height, stream.width, stream.pix_fmt = 512, 512, 'yuvj420p'
        for i in range(10): out.mux(stream.encode(av.VideoFrame.from_ndarray(np.roll(picture, 8*i, 1))))
        out.mux(stream.encode())
    browser = browsers('--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', f'--use-file-for-fake-video-capture={tmp_path}/camera.mjpeg')
    page = opened(browser, served)
    page.click('#camera')
    until(page, "document.querySelector('#status').textContent.startsWith('Recording: 0.')")
    page.wait_for_timeout(300)
    page.click('#stop')
    clip = read(page)
    x = np.array(clip['landmarks'], float)
    assert len(x)>=2 and np.isfinite(x[:,0]).all() and np.isfinite(x[-1,33:54]).all()
    assert np.diff(clip['seconds']).min()>0
    check_same([clip], [OnnxRecognizer.load(own_model()).recognize(x, clip['fps'], aspect=clip['aspect'])])
    assert_nothing_left(page)
    browser.close()

def test_the_command_serves_and_stops(libraries, tmp_path):
    heed = 'import signal; signal.signal(signal.SIGINT, signal.default_int_handler)' # in the background it is ignored
    code = f'{heed}; from slr_nbdev.demo import slr_demo; slr_demo.cli()'
    p = subprocess.Popen([sys.executable, '-c', code, '--no-browser'], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        url = p.stdout.readline().strip()
        line = http.client.HTTPConnection(url.split('/')[2])
        line.request('GET', '/model.json')
        assert json.loads(line.getresponse().read())['vocabulary'][-1]=='thank-you'
    finally: p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=30)
    assert p.returncode==0 and out.endswith('stopped\n') and "the package's own model reads" in err and 'Traceback' not in err
