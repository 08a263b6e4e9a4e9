"""How notebooks are built: short lines, few cells, imports in reading order. `python tests/test_house.py` prints where each stands."""
import ast, json, re
from pathlib import Path

ROOT = Path(__file__).parents[1]
WIDTH, CELLS = 119, 60
NOT_COUNTED = {'index'} # the README
ALLOWED = {('bilstm','layers')} # the original stands before what both models share

def source(cell): return ''.join(cell['source'])

def notebooks():
    "Name → cells, in reading order"
    return {p.stem: json.loads(p.read_text(encoding='utf-8'))['cells'] for p in sorted((ROOT/'nbs').glob('*.ipynb'))}

def long_lines(cells):
    "(number of the cell, length, line) of every code line that is too long; captions and other directives are one line by nature"
    code = [(i, line) for i,c in enumerate(cells) if c['cell_type']=='code' for line in source(c).splitlines()]
    return [(i, len(line), line) for i,line in code if len(line)>WIDTH and not line.startswith('#|')]

def functions(cells):
    "(number of lines, name) of every exported function, a method under its own name"
    code = '\n'.join(source(c) for c in cells if c['cell_type']=='code' and re.match(r'#\|\s*exports?\b', source(c)))
    found = (n for n in ast.walk(ast.parse(code)) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef)))
    return sorted(((n.end_lineno-n.lineno+1, n.name) for n in found), reverse=True)

def reading_order():
    "The modules in the order of their notebooks"
    found = (re.search(r'^#\|\s*default_exp\s+(\S+)', source(c), re.M) for cells in notebooks().values() for c in cells if c['cell_type']=='code')
    return list(dict.fromkeys(m[1] for m in found if m))

def imported(node):
    "Full names of what is imported when a module is; what a function imports when it is called is not among them"
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)): return
    if isinstance(node, ast.Import): yield from (a.name for a in node.names)
    if isinstance(node, ast.ImportFrom): yield from (node.module, *(f'{node.module}.{a.name}' for a in node.names))
    for child in ast.iter_child_nodes(node): yield from imported(child)

def needs(module):
    "The modules of this package that a module imports"
    tree = ast.parse((ROOT/'slr_nbdev'/(module.replace('.', '/')+'.py')).read_text(encoding='utf-8'))
    names = {name.removeprefix('slr_nbdev.') for name in imported(tree) if name and name.startswith('slr_nbdev.')}
    return names & set(reading_order())

def against_the_order():
    "(module, what it needs) where that comes later"
    place = {m: i for i,m in enumerate(reading_order())}
    return [(m, other) for m in place for other in sorted(needs(m)) if place[other]>place[m] and (m, other) not in ALLOWED]

def test_code_lines_end_before_column_120():
    found = {name: [f'cell {i}: {n} characters: {line.strip()[:60]}...' for i,n,line in long_lines(cells)] for name,cells in notebooks().items()}
    assert {k: v for k,v in found.items() if v}=={}

def test_no_notebook_has_more_than_60_cells():
    assert {name: len(cells) for name,cells in notebooks().items() if len(cells)>CELLS and name not in NOT_COUNTED}=={}

def test_imports_follow_the_reading_order():
    assert len(reading_order())>20
    assert against_the_order()==[]

def test_these_tests_can_fail():
    cell = lambda *lines: dict(cell_type='code', source=[line+'\n' for line in lines])
    assert [o[:2] for o in long_lines([cell('x'*119), cell('#| fig-alt: '+'x'*200, 'y'*120)])]==[(1, 120)]
    tree = ast.parse('from slr_nbdev.a import b\nif True: import slr_nbdev.c\nclass A:\n    import d\n    def f(self): import e')
    assert list(imported(tree))==['slr_nbdev.a','slr_nbdev.a.b','slr_nbdev.c','d']
    assert functions([cell('#| export','def f():','    return 1'), cell('def g(): pass')])==[(2, 'f')]

def summary():
    all_nbs = notebooks()
    print(f'{"notebook":24} cells  lines over {WIDTH}  longest exported function')
    for name,cells in all_nbs.items():
        over, (n, f) = len(long_lines(cells)), (functions(cells) or [(0, '-')])[0]
        print(f'{name:24} {len(cells):5}{"!" if len(cells)>CELLS and name not in NOT_COUNTED else " "} {over:14}  {n:4} {f}')
    longest = sorted(((n, f, name) for name,cells in all_nbs.items() for n,f in functions(cells)), reverse=True)
    print(f"\nlines over {WIDTH}: {sum(len(long_lines(c)) for c in all_nbs.values())}")
    print(f"exported functions over 25 lines: {sum(n>25 for n,_,_ in longest)} of {len(longest)}; the longest: "+', '.join(f'{f} ({name}) {n}' for n,f,name in longest[:10]))
    print('imports against the reading order:', ', '.join(f'{a} → {b}' for a,b in against_the_order()) or 'none')

if __name__=='__main__': summary()
