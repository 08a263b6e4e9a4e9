"""Write README.md from nbs/index.ipynb, or with `--check` compare the two."""
import re, sys
from pathlib import Path
import nbformat
from fastcore.script import call_parse
from nbconvert import MarkdownExporter
from nbformat.v4 import new_markdown_cell

root = Path(__file__).parents[1]

def _only_output(cell):
    "A cell that says `echo: false` becomes the Markdown that it shows"
    if not cell.source.startswith('#| echo: false'): return cell
    return new_markdown_cell(''.join(o.data['text/markdown'] for o in cell.outputs))

def readme() -> str:
    "The README as the index notebook says it, with links as seen from the top level"
    nb = nbformat.read(root/'nbs'/'index.ipynb', 4)
    nb.cells = [_only_output(c) for c in nb.cells if not c.source.startswith('#| hide')]
    md = MarkdownExporter().from_notebook_node(nb)[0].replace('](../', '](')
    md = re.sub(r'\]\((\d\d\w+\.ipynb|images/)', r'](nbs/\1', md)
    md = re.sub(r'^:::.*\n', '', md, flags=re.M) # the site's columns
    return re.sub(r'\n{3,}', '\n\n', md).strip()+'\n'

@call_parse
def write_readme(
    check:bool=False, # Write nothing; exit 1 where README.md differs
):
    "README.md from nbs/index.ipynb"
    if not check: (root/'README.md').write_text(readme())
    elif (root/'README.md').read_text()!=readme(): sys.exit('README.md is not what nbs/index.ipynb gives: run make notebooks')
