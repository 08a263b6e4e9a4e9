"""Checks over the rendered site: `python tests/pages.py [FOLDER]`, and `--browser` where Playwright and a Chromium are installed.

Dead links, what a page would load from another host, pages that are too heavy; in the browser also requests and what is cut at two widths."""
import functools, http.server, re, shutil, sys, threading
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import yaml
from fastcore.script import call_parse

ROOT = Path(__file__).resolve().parents[1]
HEAVY = 1_500_000 # bytes of one page
LOADS = {'script': 'src', 'img': 'src', 'iframe': 'src', 'source': 'src', 'video': 'src', 'audio': 'src', 'embed': 'src', 'object': 'data'}
LINKED = {'stylesheet','icon','preload','modulepreload','prefetch','manifest'} # relations for which a browser loads a <link>

class Page(HTMLParser):
    "What a page is called by, where it leads, and what it loads"
    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.loads, self.inside = Counter(), [], [], ''
        self.feed(text)

    def _styled(self, css): self.loads += re.findall(r'url\(\s*["\']?([^"\')]+)', css)
    def handle_data(self, data):
        if self.inside=='style': self._styled(data)
    def handle_endtag(self, tag): self.inside = ''

    def handle_starttag(self, tag, attrs):
        a, self.inside = dict(attrs), tag
        if a.get('style'): self._styled(a['style'])
        if a.get('id'): self.ids[a['id']] += 1
        if tag=='a' and a.get('href'): self.links.append(a['href'])
        if LOADS.get(tag) and a.get(LOADS[tag]): self.loads.append(a[LOADS[tag]])
        if tag=='link' and LINKED & set((a.get('rel') or '').split()): self.loads.append(a['href'])

@functools.lru_cache
def repository():
    "Where the project's files are on the web"
    site = yaml.safe_load((ROOT/'_quarto.yml').read_text(encoding='utf-8'))['website']
    return f"{site['repo-url']}/blob/{site['repo-branch']}/"

def read_pages(folder): return {p: Page(p.read_text(encoding='utf-8')) for p in sorted(Path(folder).resolve().rglob('*.html'))}

@functools.lru_cache
def lines(file): return len(file.read_text(encoding='utf-8').splitlines())

@functools.lru_cache
def in_repository(url):
    "What is wrong with a link to a file of this repository, or None"
    path, line = urldefrag(url.removeprefix(repository()))
    file = ROOT/unquote(path)
    if not file.exists(): return 'no such file in the repository'
    if line and int(line[1:])>lines(file): return 'the file has fewer lines'

def wrong_link(page, url, pages):
    "What is wrong with a link, or None; other sites are not asked"
    if url.startswith(repository()): return in_repository(url)
    if urlsplit(url).scheme: return None
    path, anchor = urldefrag(url)
    file = (page.parent/unquote(path)).resolve() if path else page
    if file.is_dir(): file = file/'index.html'
    if not file.exists(): return 'no such page'
    if anchor and file in pages and unquote(anchor) not in pages[file].ids: return 'no such anchor'

def dead_links(pages):
    "page → link: what is wrong with it"
    found = [(p, url, wrong_link(p, url, pages)) for p,page in pages.items() for url in page.links+page.loads]
    return list(dict.fromkeys(f'{p.name} → {url}: {why}' for p,url,why in found if why))

def elsewhere(pages, folder):
    "What pages and their styles load from other hosts"
    foreign = lambda url: urlsplit(url).netloc!='' and urlsplit(url).scheme in ('','http','https')
    styles = {p: re.findall(r'(?:url\(|@import)\s*["\']?([^"\');]+)', p.read_text(encoding='utf-8')) for p in Path(folder).rglob('*.css')}
    loads = {p: page.loads for p,page in pages.items()}|styles
    return [f'{p.name} loads {url}' for p,urls in loads.items() for url in urls if foreign(url)]

def heavy(pages): return [f'{p.name}: {p.stat().st_size:,} bytes' for p in pages if p.stat().st_size>HEAVY]

def twice(pages):
    "Anchors that a page has more than once; Quarto gives one to each of the two themes' sheets"
    return [f'{p.name}#{i}' for p,page in pages.items() for i,n in page.ids.items() if n>1 and not i.startswith('quarto-')]

# -- in a browser

CUT = """() => {
  document.querySelectorAll('main details').forEach(d => d.open = true);
  const width = document.documentElement.clientWidth, found = [];
  for (const el of document.querySelectorAll('main pre, main pre code, main table, main td, main th, main img, main figure, main p, main h1, main h2, main h3, main .cell-output, #TOC a, #quarto-sidebar a')) {
    const r = el.getBoundingClientRect(), s = getComputedStyle(el);
    if (!r.width || s.display=='inline') continue;
    const beyond = r.right>width+1 || r.left<-1, hidden = el.scrollWidth>el.clientWidth+1, low = s.overflowY!='visible' && el.scrollHeight>el.clientHeight+1;
    if (beyond || hidden || low) found.push(`${el.tagName.toLowerCase()} ${Math.round(r.right)} of ${width}: ${(el.innerText||el.alt||'').slice(0,60)}`);
  }
  if (document.documentElement.scrollWidth>width+1) found.push(`the page is ${document.documentElement.scrollWidth} wide`);
  const main = document.querySelector('main');
  return {cut: found, blocks: main ? main.querySelectorAll('pre').length : 0, figures: main ? main.querySelectorAll('img').length : 0, tables: main ? main.querySelectorAll('table').length : 0};
}"""

def serve(folder):
    "The folder over HTTP on this machine, as a reader gets it"
    handler = type('Quiet', (http.server.SimpleHTTPRequestHandler,), dict(log_message=lambda *a: None))
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(handler, directory=str(folder)))
    server.handle_error = lambda *a: None # a tab that closed before it had read all
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server

def look(browser, url, path, widths):
    "Open a page: what is cut at each width, what it asks of others, what fails; and what was looked at"
    tab = browser.new_page(viewport=dict(width=widths[0], height=900))
    wrong, cut = [], []
    tab.on('request', lambda r: wrong.append(f'asks {r.url}') if not r.url.startswith((url, 'data:', 'blob:')) else None)
    tab.on('pageerror', lambda e: wrong.append(f'script error {e}'))
    tab.on('response', lambda r: wrong.append(f'{r.status} {r.url}') if r.status>=400 else None)
    tab.goto(f'{url}/{path}', wait_until='load')
    for width in widths:
        tab.set_viewport_size(dict(width=width, height=900))
        seen = tab.evaluate(CUT)
        cut += [f'cut at {width}: {c}' for c in seen['cut']]
    tab.close()
    return [f'{path} {o}' for o in wrong+cut], seen

def browse(folder, pages, widths=(1280, 390)):
    "Every page in Chromium: what is wrong, and how much was looked at"
    from playwright.sync_api import sync_playwright
    server, wrong, counts = serve(folder), [], Counter()
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=shutil.which('chromium') or shutil.which('google-chrome'), args=['--no-sandbox'])
        for page in (p for p in pages if '<main' in p.read_text(encoding='utf-8')): # the first one only leads on
            found, seen = look(browser, f'http://127.0.0.1:{server.server_port}', page.relative_to(folder).as_posix(), widths)
            wrong += found
            counts.update({k: v for k,v in seen.items() if k!='cut'})
        browser.close()
    server.shutdown()
    print(f"at {' and '.join(map(str, widths))} pixels:", ', '.join(f'{n:,} {k}' for k,n in counts.items()))
    return wrong

@call_parse
def check_pages(
    folder:str='_docs',  # the rendered site
    browser:bool=False,  # look at each page in Chromium too
):
    "Dead links, requests to other hosts, heavy pages, and in a browser what is cut"
    folder = Path(folder).resolve()
    pages = read_pages(folder)
    if not pages: sys.exit(f'{folder}: no pages; run make docs')
    print(f'{len(pages)} pages, {sum(len(p.links) for p in pages.values()):,} links')
    wrong = dead_links(pages)+elsewhere(pages, folder)+heavy(pages)+twice(pages)
    if browser: wrong += browse(folder, pages)
    print('\n'.join(wrong) or 'nothing is wrong')
    sys.exit(bool(wrong))
