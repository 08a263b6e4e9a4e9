"Damaged settings: whatever bytes a file holds, they give settings or an error that names them, never another exception"
import pytest
from hypothesis import given, settings, strategies as st
from slr_nbdev.config import Config, files, load_config, override, parse_changes, recipes
from slr_nbdev.core import SlrError

RECIPES = [(files('slr_nbdev')/'recipes'/name).read_bytes() for name in recipes()]
ODD = [b'!!int x', b'!!bool x', b'!!timestamp x', b'!!map []', b'&a [*a]', b'{? [a] : b}', b'.nan', b'0x'+b'f'*6000, b'9'*6000, b'2020-99-99', b'1:30', b'010',
       b'"\\ud800"', b'"\\0"', b'<<', b'=', b'~', b'\t', b'---', b'%YAML 3.0', b'\xef\xbb\xbf', b'\xff', b'['*2000, b'!!python/object/apply:os.abort []', b'*b', b'1e999', b'yes']

@st.composite
def damaged(draw):
    "A recipe that is cut, with bytes flipped, or with something odd in the place of a part"
    data = draw(st.sampled_from(RECIPES))
    at = st.integers(0, len(data)-1)
    for _ in range(draw(st.integers(1, 4))):
        start, end = sorted((draw(at), draw(at)))
        kind = draw(st.sampled_from(['cut', 'flip', 'odd', 'value', 'twice']))
        if kind=='cut': data = data[:start]+data[end:]
        if kind=='flip': data = data[:start]+draw(st.binary(min_size=1, max_size=3))+data[start+1:]
        if kind=='odd': data = data[:start]+draw(st.sampled_from(ODD))+data[draw(st.sampled_from([start, end])):]
        if kind=='value': # of a key that stays
            lines = data.split(b'\n'); i = start%len(lines)
            lines[i] = lines[i].partition(b':')[0]+b': '+draw(st.sampled_from(ODD)|st.binary(max_size=8)); data = b'\n'.join(lines)
        if kind=='twice': data = data[:end]+data[start:]
    return data

def settings_or_error(read, *args):
    "What reading gives; `SlrError` is a good answer, every other exception is a fault"
    try: got = read(*args)
    except SlrError as e: return str(e)
    else: assert isinstance(got, Config) and Config.model_validate_json(got.model_dump_json())==got

def check(examples):
    "The properties, with so many examples each; the same ones every time"
    same = settings(max_examples=examples, derandomize=True, deadline=None, database=None)

    @same
    @given(damaged()|st.binary(max_size=60))
    def files_of_any_bytes(path, data):
        path.write_bytes(data)
        said = settings_or_error(load_config, path)
        if said: assert said.startswith(f'{path}: ') and len(said)<20_000 and said.isprintable(), repr(said)

    @same
    @given(st.text(max_size=40)|st.sampled_from(['training.epochs','training.optimizer','features','model.architecture.type']).flatmap(
        lambda key: st.text(max_size=20).map(lambda value: f'{key}={value}')))
    def changes_of_any_text(text): settings_or_error(lambda: override(Config(), parse_changes(text)))
    return files_of_any_bytes, changes_of_any_text

@pytest.mark.parametrize('examples', [200, pytest.param(2000, marks=pytest.mark.long)])
def test_any_bytes_give_settings_or_an_error(tmp_path, examples):
    files_of_any_bytes, changes_of_any_text = check(examples)
    for odd in ODD: # each alone, as a value and as a key
        for data in (odd, b'training:\n  seed: '+odd, b'training: {optimizer: {learning_rate: '+odd+b'}}', b'training:\n  '+odd+b': 1'):
            (tmp_path/'run.yaml').write_bytes(data); settings_or_error(load_config, tmp_path/'run.yaml')
        text = odd.decode('utf-8', 'surrogateescape')
        settings_or_error(lambda: override(Config(), parse_changes('training.epochs='+text)))
    files_of_any_bytes(tmp_path/'run.yaml')
    changes_of_any_text()
