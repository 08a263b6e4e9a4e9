"A report's page in a browser, from a file: it plays, seeks and changes clips by mouse and by keys, in light and dark, on desks and phones, and asks nobody for anything; and the command on a corpus on disk"
import shutil
from contextlib import contextmanager
from pathlib import Path
import numpy as np, pytest
from slr_nbdev.player import compared, make_page, pack_map, player_clip, web_file, write_page
from slr_nbdev.points import LANDMARK_SETS, clip_with_hands, waving_clip

@pytest.fixture(scope='module')
def browser():
    "Headless Chromium. Playwright is in no extra: with its own copy of Node it is larger than all else that the tests need"
    api = pytest.importorskip('playwright.sync_api', reason='no browser to look with: pip install playwright')
    path = next(filter(None, map(shutil.which, ('chromium','google-chrome'))), None)
    if not path: pytest.skip('no browser to look with: Chromium is not installed')
    with api.sync_playwright() as p:
        started = p.chromium.launch(executable_path=path, args=['--no-sandbox'])
        yield started
        started.close()

def clips():
    "Two clips of different lengths: one with errors and marks, one with hands"
    p = np.full((20,6), .02); p[range(20),[0]*5+[3]*5+[0]*4+[4]*6] = .9
    said = compared([('A','A'), ('B',None), (None,'C')], [(0,.5),(.5,1)], [(.1,.6),(1,1.5)])
    first = player_clip('first', waving_clip(), 25, said, probabilities=pack_map(np.log(p), [3,4,5], 'ABC', .08), group='wrong', about='the first')
    hands = LANDMARK_SETS['pose+hands']
    second = player_clip('second', clip_with_hands(), 25, compared([('A','A')], [(0,1)], [(0,1)]), hands, group='right', about='the second')
    return [first, second]

@pytest.fixture(scope='module')
def page(tmp_path_factory):
    file = tmp_path_factory.mktemp('page')/'report.html'
    write_page(file, make_page('A page', clips(), '<p>head</p>', '<h2>body</h2>'))
    return file

@contextmanager
def opened(browser, file, width=1280, **context):
    "A tab with the page; nothing but the page may be asked for, and nothing may fail"
    tab, wrong = browser.new_page(viewport=dict(width=width, height=900), **context), []
    tab.on('request', lambda r: wrong.append(f'asks {r.url[:90]}') if r.url!=file.as_uri() and not r.url.startswith('data:') else None)
    tab.on('console', lambda m: wrong.append(f'{m.type}: {m.text}'))
    tab.on('pageerror', lambda e: wrong.append(f'script error {e}'))
    tab.goto(file.as_uri())
    yield tab
    tab.close()
    assert wrong==[]

def time(tab): return tab.evaluate('state.time')

def until(tab, true):
    "Wait for what is to become true; Playwright's own way needs `eval`, which the page forbids"
    for _ in range(200):
        if tab.evaluate(true): return
        tab.wait_for_timeout(25)
    raise AssertionError(f'never: {true}')

def title(tab): return tab.evaluate('state.clip.title')

def pixels(tab, canvas): return tab.evaluate(f"document.getElementById('{canvas}').toDataURL()")

@pytest.mark.parametrize('motion', ['no-preference', 'reduce'])
def test_plays_when_asked(browser, page, motion):
    "Not before; then skeleton and cursor move, and it stops at the end"
    with opened(browser, page, reduced_motion=motion) as tab:
        tab.wait_for_timeout(200)
        assert time(tab)==0 and not tab.evaluate('state.playing')
        before = [pixels(tab, c) for c in ('skeleton','cursor','lines')]
        tab.get_by_role('button', name='Play').click()
        until(tab, 'state.time>.2')
        after = [pixels(tab, c) for c in ('skeleton','cursor','lines')]
        assert [a!=b for a,b in zip(before, after)]==[True, True, False] # what doesn't move isn't drawn again
        tab.get_by_role('button', name='Stop').click()
        here = time(tab)
        tab.wait_for_timeout(100)
        assert time(tab)==here
        tab.evaluate('seek(1.5)')
        tab.get_by_role('button', name='Play').click()
        until(tab, '!state.playing')
        assert time(tab)==tab.evaluate('state.clip.seconds') and tab.locator('#play').inner_text()=='Play'

def test_keys(browser, page):
    "Space, left and right anywhere; up and down in the player; none of them in a list, and space on a button is the button's"
    with opened(browser, page) as tab:
        for key,there in (('ArrowRight', .04), ('ArrowRight', .08), ('ArrowLeft', .04)):
            tab.keyboard.press(key)
            assert abs(time(tab)-there)<1e-6
        tab.keyboard.press('Space'); assert tab.evaluate('state.playing')
        tab.keyboard.press('Space'); assert not tab.evaluate('state.playing')
        tab.keyboard.press('ArrowDown'); assert title(tab)=='first'
        for key,now in (('n','second'), ('n','first'), ('p','second')):
            tab.keyboard.press(key)
            assert title(tab)==now and time(tab)==0
        tab.locator('#player').focus()
        for key,now in (('ArrowDown','first'), ('ArrowUp','second')):
            tab.keyboard.press(key)
            assert title(tab)==now
        tab.locator('#play').focus()
        tab.keyboard.press('Space'); assert tab.evaluate('state.playing') # once, not twice
        tab.evaluate('stop(), seek(0)')
        tab.locator('#next').focus()
        tab.keyboard.press('Space'); assert title(tab)=='first' and not tab.evaluate('state.playing')
        tab.locator('#seek').focus()
        tab.keyboard.press('ArrowRight'); assert abs(time(tab)-.04)<1e-6
        tab.locator('#speed').focus()
        tab.keyboard.press('ArrowRight'); assert abs(time(tab)-.04)<1e-6

def test_mouse(browser, page):
    "A click on the lines of time goes there; the list and the buttons change the clip"
    with opened(browser, page) as tab:
        box, seconds = tab.locator('#lines').bounding_box(), tab.evaluate('state.clip.seconds')
        still = pixels(tab, 'skeleton')
        tab.mouse.click(box['x']+.5*box['width'], box['y']+10)
        assert abs(time(tab)-.5*seconds)<.02 and pixels(tab, 'skeleton')!=still
        assert tab.locator('#clock').inner_text()==f'{time(tab):.2f} of {seconds:.2f} s'
        tab.get_by_label('Which clip').select_option('second')
        assert title(tab)=='second' and tab.locator('#about p').first.inner_text()=='the second'
        tab.get_by_role('button', name='Next clip').click(); assert title(tab)=='first'
        tab.get_by_role('button', name='Previous clip').click(); assert title(tab)=='second'

def test_points_without_neighbours_are_dots(browser, tmp_path):
    "RWTH-BOSTON-104 knows nose and wrists alone"
    clip = np.full((10,33,2), np.nan)
    for k,place in {0: (.5,.2), 15: (.8,.8), 16: (.2,.8)}.items(): clip[:,k] = place
    write_page(tmp_path/'a.html', make_page('Dots', [player_clip('dots', clip, 25, compared([('A','A')], [], [(0,.4)]))]))
    with opened(browser, tmp_path/'a.html') as tab:
        data = tab.evaluate("Array.from(part('skeleton').getContext('2d').getImageData(0, 0, part('skeleton').width, part('skeleton').height).data)")
        colours = {tuple(c) for c in np.reshape(data, (-1,4)) if c[3]==255}
        assert {(0x01,0x73,0xb2,255), (0xde,0x8f,0x05,255), (0x94,0x94,0x94,255)}<=colours

def test_errors_have_colour_and_letter(browser, page):
    with opened(browser, page) as tab:
        words = tab.locator('.pairs li')
        assert words.all_inner_texts()==['A','D B → –','I – → C'] and tab.locator('.pairs li.wrong').count()==2
        colours = words.evaluate_all('all => all.map(o => getComputedStyle(o).backgroundColor+getComputedStyle(o).borderStyle)')
        assert len(set(colours))==2
        tab.evaluate('seek(1.2)')
        assert tab.locator('.pairs li.now').all_inner_texts()==['I – → C']

def test_light_dark_desk_phone(browser, page):
    "Nothing sticks out, the colours follow the theme, every control has a name, and a turned phone is drawn anew"
    seen = {}
    for theme in ('light','dark'):
        for width in (1280, 390):
            with opened(browser, page, width, color_scheme=theme) as tab:
                assert tab.evaluate('document.documentElement.scrollWidth')<=width
                assert tab.evaluate("[...document.querySelectorAll('button, select, input')].filter(o => !o.ariaLabel && !o.closest('label')).length")==0
                seen[theme,width] = tab.evaluate("getComputedStyle(document.body).backgroundColor"), pixels(tab, 'lines')
                turned = {1280: 800, 390: 844}[width]
                tab.set_viewport_size(dict(width=turned, height=600))
                until(tab, "part('lines').clientWidth===part('lines').parentElement.clientWidth")
                assert tab.evaluate('document.documentElement.scrollWidth')<=turned
    assert len({colour for colour,_ in seen.values()})==2 and len({lines for _,lines in seen.values()})==4

def test_film(browser, tmp_path):
    "A film in the page plays, is the clock, and is sought with the skeleton"
    pytest.importorskip('av', reason="no film to show: pip install 'slr_nbdev[pose]'")
    import films
    from slr_nbdev.recognition import film_uri
    films.film(tmp_path/'film.webm', films.grey(50), 'libvpx')
    uri, why = film_uri(tmp_path/'film.webm')
    assert uri and not why
    write_page(tmp_path/'a.html', make_page('A film', [clips()[0]|dict(film=uri), clips()[1]]))
    with opened(browser, tmp_path/'a.html') as tab:
        film = tab.locator('#film')
        until(tab, "document.getElementById('film').readyState>=2")
        assert film.is_visible() and film.evaluate('o => o.muted && o.paused')
        tab.evaluate('seek(.8)'); assert abs(film.evaluate('o => o.currentTime')-.8)<.01
        tab.keyboard.press('Space')
        until(tab, 'state.time>1')
        tab.keyboard.press('Space')
        assert abs(film.evaluate('o => o.currentTime')-time(tab))<.2
        tab.keyboard.press('n'); assert not film.is_visible()
        tab.keyboard.press('Space')
        until(tab, 'state.time>.1')

def test_these_tests_can_fail(browser, tmp_path):
    "A page that asks for something, and one that is too wide"
    text = make_page('A page', clips())
    (tmp_path/'asks.html').write_text(text.replace('<main>', '<main><img src="https://example.org/a.png">'))
    with pytest.raises(AssertionError, match='example.org'):
        with opened(browser, tmp_path/'asks.html'): pass
    (tmp_path/'wide.html').write_text(text.replace('<main>', '<main><div style="width: 500px">x</div>'))
    with opened(browser, tmp_path/'wide.html', 390) as tab: assert tab.evaluate('document.documentElement.scrollWidth')>390

def test_the_page_of_the_tour(browser):
    "The example on the site plays, and is made with the player as it is now: `python tests/refresh.py --path nbs/00_tour.ipynb --flags slow`"
    file = Path(__file__).parents[1]/'nbs'/'images'/'report.html'
    text = file.read_text()
    for name in ('report.css','draw.js','report.js'): assert web_file(name) in text, name
    with opened(browser, file) as tab:
        tab.keyboard.press('Space')
        until(tab, 'state.time>.1')

# -- the command

@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    "A corpus on disk and a run of it"
    from slr_nbdev.catalogue import load_corpus
    from slr_nbdev.config import load_config, override
    from slr_nbdev.resume import train_model
    root, rng = tmp_path_factory.mktemp('corpus'), np.random.default_rng(0)
    for word in ('a','b'):
        for i in range(5):
            (root/'MP_Data'/word/str(i)).mkdir(parents=True)
            for t in range(6): np.save(root/'MP_Data'/word/str(i)/f'{t}.npy', rng.uniform(.2, .8, 258))
    tiny = override(load_config(), {'model.architecture.hidden_dim':16, 'model.architecture.num_layers':1, 'training.epochs':1})
    corpus = load_corpus('mp_data', root/'MP_Data')
    train_model(corpus, tiny, root/'runs'/'small', 'cpu', progress=False, root=str(root/'MP_Data'))
    return root

def test_report_of_a_corpus_on_disk(trained, call):
    "The run knows where its corpus is; twice the same bytes"
    out = trained/'page.html'
    r = call('slr_report', trained/'runs'/'small', '--out', out, '--device', 'cpu')
    assert r.returncode==0 and str(out) in r.stdout and 'Traceback' not in r.stderr, r.stderr
    first = out.read_bytes()
    assert len(first)<1_000_000
    call('slr_report', trained/'runs'/'small', '--out', out, '--device', 'cpu')
    assert out.read_bytes()==first

def test_its_page_opens(trained, call, browser, tmp_path):
    out = tmp_path/'page.html'
    assert call('slr_report', trained/'runs'/'small', '--out', out, '--device', 'cpu').returncode==0
    with opened(browser, out, 390) as tab:
        assert tab.evaluate('clips.length')>0 and tab.evaluate('document.documentElement.scrollWidth')<=390
        tab.keyboard.press('ArrowRight')

def test_a_corpus_that_is_gone_or_another(trained, call, tmp_path):
    run, data = trained/'runs'/'small', trained/'MP_Data'
    shutil.copytree(data, tmp_path/'MP_Data')
    np.save(tmp_path/'MP_Data'/'a'/'0'/'0.npy', np.full(258, .5))
    r = call('slr_report', run, '--root', tmp_path/'MP_Data', '--out', tmp_path/'a.html', '--device', 'cpu')
    assert r.returncode and 'not what the model was trained on' in r.stderr.splitlines()[-1], r.stderr
    data.rename(trained/'moved')
    try:
        gone = call('slr_report', run, '--out', tmp_path/'a.html', '--device', 'cpu')
        told = call('slr_report', run, '--root', trained/'moved', '--out', tmp_path/'b.html', '--device', 'cpu')
    finally: (trained/'moved').rename(data)
    assert gone.returncode and 'say where it is now (--root)' in gone.stderr.splitlines()[-1], gone.stderr
    assert told.returncode==0 and (tmp_path/'b.html').exists() and not (tmp_path/'a.html').exists()

@pytest.mark.parametrize('args,says', [
    (('nothing',), 'no such run'), (('.',), 'no best.safetensors'), (('a.txt',), 'not a readable checkpoint'),
    (('RUN','--out','a.pdf'), 'ends in .html'), (('RUN','--out','.'), 'a folder'), (('RUN','--utterances','x'), 'has no x'),
    (('RUN','--split','train'), "'train'"), (('RUN','--utterances','0'), 'at least 1')])
def test_bad_input(trained, call, tmp_path, args, says):
    (tmp_path/'a.txt').write_text('no checkpoint')
    before = sorted(tmp_path.iterdir())
    r = call('slr_report', *[str(trained/'runs'/'small') if a=='RUN' else a for a in args], '--device', 'cpu')
    assert r.returncode and says in r.stderr and 'Traceback' not in r.stderr, r.stderr
    assert sorted(tmp_path.iterdir())==before and not (trained/'runs'/'small'/'report.html').exists()
