"Clips to extract: the astronaut, whom scikit-image ships with"
import numpy as np
from PIL import Image
from skimage import data
from slr_nbdev.extraction import write_video

def pictures(n, start=0): return [np.roll(data.astronaut(), 4*i, 1) for i in range(start, start+n)]

def folder(path, n, start=0):
    path.mkdir(parents=True)
    for i,p in enumerate(pictures(n, start)): Image.fromarray(p).save(path/f'images{i:04}.png')
    return path

def video(path, n, start=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_video(path, pictures(n, start))
