"The site, as far as it can be seen without Quarto: every notebook through the filter, its links, figures, tables and texts"
import ast, configparser, json, re, subprocess, sys, tomllib
from functools import lru_cache
from pathlib import Path

import pytest
from pages import Page, dead_links, elsewhere, heavy, read_pages, twice

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT/'nbs'))
import _filter as site

@lru_cache
def notebooks(): return {p.stem: site.load(p) for p in site.notebooks()}

@lru_cache
def pages(): return {stem: site.page(nb, stem)['cells'] for stem,nb in notebooks().items()}

def text(cell): return ''.join(cell['source'])

def outputs(cells):
    "(kind, text) of every output"
    for o in (o for c in cells for o in c.get('outputs', ())):
        yield from [(k, ''.join(v)) for k,v in o.get('data', {}).items()] or [('stream', ''.join(o['text']))]

def prose(cells):
    "What is Markdown on a page, outside of code"
    return re.sub(r'^```.*?^```', '', '\n'.join(text(c) for c in cells if c['cell_type']=='markdown'), flags=re.M|re.S)

def slug(heading):
    "The anchor that pandoc gives a heading"
    words = re.sub(r'\[([^\]]*)\]\([^)]*\)|[`*]', lambda m: m[1] or '', heading).strip().lower()
    return re.sub(r'^[^a-z]+', '', re.sub(r'\s+', '-', re.sub(r'[^\w\s.-]', '', words)))

def anchors(cells):
    md = prose(cells)
    return {*re.findall(r'\{#([\w.]+)', md), *map(slug, re.findall(r'^#+ (?!`[\w.]+` \{)(.*)$', md, re.M))}

def dead(cells, stem, known):
    "Links of a page that lead nowhere; `known` holds the anchors of every page"
    wrong, repository = [], site.repository('')
    for url in re.findall(r'\]\(([^)\s]+)\)', prose(cells)):
        page, _, anchor = url.partition('#')
        target = page.removesuffix('.ipynb') or stem
        if url.startswith(repository):
            file = ROOT/page.removeprefix(repository)
            if not file.exists() or anchor and int(anchor[1:])>len(file.read_text(encoding='utf-8').splitlines()): wrong.append(url)
        elif page.startswith('http'): continue
        elif page and not page.endswith('.ipynb'): wrong += [] if (ROOT/'nbs'/page).exists() else [url]
        elif target not in known or anchor and anchor not in known[target]: wrong.append(url)
    return wrong

def unnamed(nb):
    "Cells with a picture that lacks a caption or words for who can't see it"
    pictures = [c for c in nb['cells'] if any(k.startswith('image/') for o in c.get('outputs', ()) for k in o.get('data', {}))]
    return [text(c)[:60] for c in pictures if not {'fig-cap','fig-alt'}<=site.directives(c)]

def wide(nb):
    "Figures over eight inches"
    sizes = re.findall(r'figsize=\(([\d.]+)', '\n'.join(text(c) for c in nb['cells'] if c['cell_type']=='code'))
    return [w for w in sizes if float(w)>8]

def unreadable(cells):
    "Outputs that nobody wants to read"
    bad = re.compile(r'Call self as a function|np\.float|Warning:| at 0x[0-9a-f]+|\x1b\[')
    said = [(kind, t) for kind,t in outputs(cells) if not kind.startswith('image/')]
    return [t[:80] for kind,t in said if bad.search(t) or kind=='text/html' or kind in ('stream','text/plain') and t.count('\n')>site.LONG]

def loads(cells):
    "What a page would ask of another host"
    html = '\n'.join([*(t for _,t in outputs(cells)), *(text(c) for c in cells if c['cell_type']=='markdown')])
    images = re.findall(r'!\[[^\]]*\]\((https?:[^)]*)\)', html)
    return images+[u for u in Page(html).loads if re.match(r'(https?:)?//', u)]+['script' for _ in re.findall(r'<script', html)]

# -- the pages

def test_every_notebook_becomes_a_page():
    assert len(pages())>50
    for stem,cells in pages().items():
        assert cells[0]['cell_type']=='raw' and f'title: ' in text(cells[0]), stem
        assert not re.search(r'^#\|\s*(export|exports|hide|default_exp)\b', '\n'.join(map(text, cells)), re.M), stem

def test_the_filter_as_quarto_runs_it():
    nb = ROOT/'nbs'/'33_decoding.ipynb'
    r = subprocess.run([sys.executable,'_filter.py'], cwd=ROOT/'nbs', input=nb.read_bytes(), capture_output=True, timeout=60)
    assert r.returncode==0 and r.stderr==b''
    assert json.loads(r.stdout)['cells']==pages()['33_decoding']

def test_definitions_are_there_in_the_order_of_their_source():
    for module,(stem,path,names) in site.modules().items():
        order = [f'{module}.{n}' for n,anchor,_ in names if n==anchor and not site.private(n) and '[]{#'+f'{module}.{n}}}' not in prose(pages()[stem])]
        shown = re.findall(r'\{#([\w.]+) \.definition\}', prose(pages()[stem]))
        assert [n for n in order if n in shown]==shown and set(order)-set(shown)<={f'{module}.__all__'}, stem

def test_all_source_is_on_the_page():
    for stem,nb in notebooks().items():
        page = re.sub(r'\s', '', '\n'.join(text(c) for c in pages()[stem] if c['cell_type']=='code'))
        for cell in nb['cells']:
            d = site.directives(cell)
            if d & {'export','exports'} and not d & {'hide'}:
                for _,_,part in site.segments(site.plain(cell)): assert re.sub(r'\s', '', part) in page, (stem, part[:80])

def test_source_links_lead_to_the_definition():
    for module,(stem,path,names) in site.modules().items():
        lines = (ROOT/path).read_text(encoding='utf-8').splitlines()
        for name,anchor,line in names: assert re.search(rf'\b{re.escape(name.split(".")[-1])}\b', lines[line-1]), (path, name, line)

def test_no_link_is_dead():
    known = {stem: anchors(cells) for stem,cells in pages().items()}
    assert {stem: d for stem,cells in pages().items() if (d := dead(cells, stem, known))}=={}

def test_names_lead_to_their_pages():
    links = lambda stem: set(re.findall(r'\]\((\d\d_\w+\.ipynb#[\w.]+)\)', prose(pages()[stem])))
    assert '34_scoring.ipynb#slr_nbdev.scoring.slr_score' in links('59_commands')
    assert '44_training.ipynb#slr_nbdev.training.Trainer' in links('64_speed')

def test_code_holds_no_markdown():
    for stem,cells in pages().items():
        blocks = re.findall(r'^```.*?^```', '\n'.join(text(c) for c in cells if c['cell_type']=='markdown'), re.M|re.S)
        assert not [b for b in blocks if '.ipynb#' in b], stem

def test_anchors_are_unique():
    for stem,cells in pages().items():
        ids = re.findall(r'\{#([\w.]+)', prose(cells))
        assert len(ids)==len(set(ids)), stem

def test_figures_have_captions_and_words():
    assert {stem: f for stem,nb in notebooks().items() if (f := unnamed(nb) or wide(nb))}=={}

def test_moving_pictures_move():
    of = lambda cells: sum(k=='image/gif' for c in cells for o in c.get('outputs', ()) for k in o.get('data', {}))
    for stem,nb in notebooks().items():
        shown = [t for _,t in outputs(pages()[stem]) if 'data:image/gif;base64,' in t]
        assert len(shown)==of(nb['cells']) and all('alt=""' not in t and '<figcaption>' in t for t in shown), stem

def test_outputs_are_readable():
    assert {stem: u for stem,cells in pages().items() if (u := unreadable(cells))}=={}

def test_nothing_comes_from_another_host():
    assert {stem: u for stem,cells in pages().items() if (u := loads(cells))}=={}

def test_the_ledger_shows_each_verdict_beside_its_claim():
    from slr_nbdev.study.claims import CLAIMS, VERDICT_COLORS
    page = '\n'.join(t for _,t in outputs(pages()['68_claims']))
    assert len(re.findall(r'<th[^>]*><span class="claim">.*?</th><td class="verdict ', page))==len(CLAIMS)
    colors = dict(re.findall(r'\.verdict\.([\w-]+) \{ --verdict: (#\w+)', (ROOT/'nbs'/'styles.css').read_text()))
    assert colors=={v.replace(' ','-'): c for v,c in VERDICT_COLORS.items()}

# -- the site around them

def test_the_sidebar_lists_every_notebook_in_order():
    assert list(site.titles())==['index', *sorted(s for s in notebooks() if s!='index')]
    assert len(set(site.titles().values()))==len(site.titles())

def test_the_repository_has_one_address():
    url = site.config()['website']['repo-url']
    settings = configparser.ConfigParser()
    settings.read(ROOT/'settings.ini')
    with open(ROOT/'pyproject.toml', 'rb') as f: assert tomllib.load(f)['project']['urls']['Repository']==url
    assert settings['DEFAULT']['git_url']==url
    assert f'git clone {url} ' in (ROOT/'README.md').read_text() and f'repository-code: {url}\n' in (ROOT/'CITATION.cff').read_text()

def test_quarto_leaves_gitignore_alone():
    assert {'/.quarto/','**/*.quarto_ipynb'}<=set((ROOT/'.gitignore').read_text().splitlines())

# -- these tests can fail

def code(source, *data): return dict(cell_type='code', metadata={}, source=source, outputs=[dict(output_type='display_data', data=d) for d in data])

def test_a_broken_notebook_is_found():
    with pytest.raises(SyntaxError): site.page(dict(cells=[site.markdown('# a\n\n> b'), code('#| export\ndef f(:')]), '33_decoding')

def test_faults_of_a_page_are_found():
    png = {'image/png': 'xyz'}
    assert unnamed(dict(cells=[code('#| fig-cap: "a"\nplot()', png)]))==['#| fig-cap: "a"\nplot()']
    assert unnamed(dict(cells=[code('#| fig-cap: "a"\n#| fig-alt: "b"\nplot()', png)]))==[]
    assert wide(dict(cells=[code('plt.subplots(figsize=(9,3))')]))==['9']
    links = [site.markdown('[a](33_decoding.ipynb#nowhere) [b](99_none.ipynb) [c](#here) [d](no.png)\n\n## Here')]
    assert dead(links, 'x', {'33_decoding': set(), 'x': anchors(links)})==['33_decoding.ipynb#nowhere','99_none.ipynb','no.png']
    assert unreadable([code('', {'text/plain': 'np.float64(1.0)'}), code('', {'text/plain': 'x\n'*60})])==['np.float64(1.0)', ('x\n'*40)]
    assert loads([code('', {'text/markdown': '<script src="https://cdn.example/x.js"></script>'})])==['https://cdn.example/x.js','script']

def test_what_is_long_or_ugly_is_made_readable():
    out = site.cleaned(dict(output_type='stream', name='stdout', text='line\n'*60), {})
    assert '30 more lines' in out['data']['text/markdown']
    assert site.readable('np.float64(1.5) <function f at 0x7f00>\n<ipython>:9: RuntimeWarning: division\n  x/0\nend')=='1.5 <function f>\nend'

def test_rendered_pages_are_checked(tmp_path):
    (tmp_path/'a.html').write_text('<a href="b.html#no">x</a><a href="c.html">y</a><h2 id="i"></h2><h2 id="i"></h2>')
    (tmp_path/'b.html').write_text(f'<script src="https://cdn.example/x.js"></script><a href="{site.repository("setup.cfg")}">z</a>'+' '*1_500_001)
    (tmp_path/'s.css').write_text('@import "https://fonts.example/f.css"; a { background: url(data:image/png;base64,x) }')
    found = read_pages(tmp_path)
    assert [d.split(': ')[1] for d in dead_links(found)]==['no such anchor','no such page','no such file in the repository']
    assert elsewhere(found, tmp_path)==['b.html loads https://cdn.example/x.js','s.css loads https://fonts.example/f.css']
    assert [h.split(':')[0] for h in heavy(found)]==['b.html'] and twice(found)==['a.html#i']
