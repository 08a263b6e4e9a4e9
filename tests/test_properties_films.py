"Whatever a film or a picture holds, it gives frames, unread frames, or an `SlrError`: damage of every kind, drawn by hypothesis"
import io, warnings
from functools import cache
import numpy as np, pytest
from PIL import Image
from slr_nbdev.core import SlrError

pytest.importorskip('av')
from hypothesis import HealthCheck, given, settings, strategies as st

ALWAYS = dict(derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
FILMS = dict(mp4={}, mkv=dict(options={'bf': '2'}), avi=dict(codec='mpeg4'), mpg=dict(codec='mpeg2video'), ts={}, mov=dict(codec='png', pix_fmt='rgba'),
    webm=dict(codec='libvpx-vp9'), gif=dict(codec='gif', pix_fmt='rgb8'), flv=dict(codec='flv', sound=.1), wmv=dict(codec='wmv2'))
PICTURES = dict(png='RGB', jpg='RGB', webp='RGBA', tif='I;16', bmp='P', pgm='L', tiff='F', jpeg='CMYK')

@cache
def film(kind, folder):
    "The bytes of a small film"
    import films
    folder.mkdir(exist_ok=True)
    return films.film(folder/f'whole.{kind}', films.grey(4, 32, 48), sar='16/15', **FILMS[kind]).read_bytes()

@cache
def picture(kind):
    "The bytes of a small picture, which says that it is to be turned"
    import films
    mode, out, exif = PICTURES[kind], io.BytesIO(), Image.Exif()
    exif[0x112] = 6
    im = Image.fromarray(films.grey(2)[1])
    im = Image.fromarray(np.asarray(im.convert('L')).astype(np.uint16)*257) if mode=='I;16' else im.convert(mode)
    im.save(out, dict(jpg='JPEG', jpeg='JPEG', tif='TIFF', tiff='TIFF', pgm='PPM').get(kind, kind.upper()), **(dict(exif=exif) if kind in ('png','jpg','webp','tif') else {}))
    return out.getvalue()

@st.composite
def damage(draw):
    "A function from whole bytes to damaged ones"
    place, kind = st.floats(0, 1, exclude_max=True), draw(st.sampled_from(['cut','flips','hole','other','twice','tail','noise']))
    at, to, junk = draw(place), draw(place), draw(st.binary(max_size=40))
    flips = draw(st.lists(st.tuples(place, st.integers(1, 255)), min_size=1, max_size=12))
    near_the_start = draw(st.booleans())
    def damaged(raw):
        n, a = len(raw), int(at*min(len(raw), 300 if near_the_start else len(raw)))
        if kind=='cut': return raw[:a]
        if kind=='tail': return raw[a:]
        if kind=='hole': return raw[:a]+bytes(len(junk))+raw[a+len(junk):]
        if kind=='other': return raw[:a]+junk+raw[a+int(to*40):]
        if kind=='twice': return raw[:a]+raw[int(to*n):]
        if kind=='noise': return junk
        out = bytearray(raw)
        for where,by in flips: out[int(where*min(n, 300 if near_the_start else n))] ^= by
        return bytes(out)
    return damaged

def look(path):
    "Everything that can be read; `SlrError` is an answer too"
    from slr_nbdev.extraction import open_pictures
    try:
        clip = open_pictures(path)
        rows = list(clip)
    except SlrError as e:
        assert '\n' not in str(e) and path.name in str(e)
        return
    for seconds,p in rows: assert np.isfinite(seconds) and (p is None or (p.dtype==np.uint8 and p.ndim==3 and p.shape[2]==3 and p.size))
    good = [s for s,p in rows if p is not None]
    assert good==sorted(set(good)) and np.isfinite(clip.length) and np.isfinite(clip.end) and clip.fps>0

def check_film(folder, kind, damaged):
    path = folder/f'film.{kind}'
    path.write_bytes(damaged(film(kind, folder)))
    look(path)

def check_picture(folder, kind, damaged):
    clip = folder/kind
    clip.mkdir(exist_ok=True)
    for i in range(3): (clip/f'{i}.{kind}').write_bytes(damaged(picture(kind)) if i==1 else picture(kind))
    with warnings.catch_warnings():
        warnings.simplefilter('ignore') # Pillow's, on what it thinks of the file
        look(clip)

def cases(n, check, kinds, folder):
    @settings(max_examples=n, **ALWAYS)
    @given(st.sampled_from(sorted(kinds)), damage())
    def one(kind, damaged): check(folder, kind, damaged)
    one()

def test_damaged_films(tmp_path): cases(100, check_film, FILMS, tmp_path)

def test_damaged_pictures(tmp_path): cases(100, check_picture, PICTURES, tmp_path)

@pytest.mark.long
def test_many_damaged_films(tmp_path): cases(1000, check_film, FILMS, tmp_path)

@pytest.mark.long
def test_many_damaged_pictures(tmp_path): cases(1000, check_picture, PICTURES, tmp_path)
