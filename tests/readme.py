"""Write README.md from nbs/index.ipynb, or with `--check` compare the two."""
import re, sys
from pathlib import Path
from fastcore.script import call_parse
from nbconvert import MarkdownExporter

root = Path(__file__).parents[1]

def readme() -> str:
    "The README as the index notebook says it, with links as seen from the top level"
    md = MarkdownExporter().from_filename(str(root/'nbs'/'index.ipynb'))[0]
    md = re.sub(r'\]\(\.\./', '](', re.sub(r'\]\((\d\d_\w+\.ipynb)', r'](nbs/\1', md))
    return re.sub(r'\n{3,}', '\n\n', md).strip()+'\n'

@call_parse
def write_readme(
    check:bool=False, # Write nothing; exit 1 where README.md differs
):
    "README.md from nbs/index.ipynb"
    if not check: (root/'README.md').write_text(readme())
    elif (root/'README.md').read_text()!=readme(): sys.exit('README.md is not what nbs/index.ipynb gives: run make notebooks')
