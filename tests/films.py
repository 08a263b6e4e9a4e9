"Clips to extract: the astronaut, whom scikit-image ships with, and films of the kinds that people have"
from fractions import Fraction
import av, numpy as np
from PIL import Image, ImageDraw
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

FINGERS = [(-.18,-.12,-.42,-.38,-.6,-.58,-.72,-.74), (-.26,-.92,-.33,-1.28,-.36,-1.5,-.38,-1.68), (0,-.98,0,-1.4,0,-1.66,0,-1.86),
           (.22,-.92,.27,-1.3,.3,-1.54,.32,-1.72), (.42,-.8,.52,-1.08,.58,-1.26,.62,-1.42)]

def waving():
    "The astronaut with a left hand, drawn, and its 21 points as fractions of the picture: as in the notebook on tracking"
    points = np.array([390,490])+60*np.array([(0,0), *np.reshape(FINGERS, (20,2)), (0,2.4)]) # wrist, fingers, forearm
    big = Image.fromarray(data.astronaut()).resize((2048,2048))
    draw, strokes = ImageDraw.Draw(big), [(0,21,1.8), (0,1,1.5), (0,17,1.5)]+[(a,a+4,1) for a in (1,5,9,13)]+[(k,k+1,1) for k in range(1, 21) if k%4]
    for colour,width in (((150,115,95),.24), ((214,164,134),.2)):
        draw.polygon([tuple(4*points[k]) for k in (0,1,5,9,13,17)], fill=colour)
        for a,b,more in strokes:
            r = 2*60*width*more
            draw.line([*4*points[a], *4*points[b]], fill=colour, width=round(2*r))
            for x,y in 4*points[[a,b]]: draw.ellipse((x-r, y-r, x+r, y+r), fill=colour)
    return np.asarray(big.resize((512,512), Image.LANCZOS)), points[:21]/512

def grey(n, height=48, width=64):
    "Pictures, each brighter than the one before, the left half black: small, and told apart by one number"
    out = [np.full((height,width,3), 40+200*i//max(n-1, 1), np.uint8) for i in range(n)]
    for p in out: p[:,:width//2] = 0
    return out

def film(path, frames, codec='libx264', pix_fmt='yuv420p', fps=25, sar=None, times=None, sound=0, options={}, **muxing):
    "A film with what `write_video` has no words for: other codecs, pixels that aren't square, times in ms, seconds of sound"
    with av.open(f'file:{path}', 'w', options=muxing) as c:
        s = c.add_stream(codec, fps, options=options|({'x264-params': 'log-level=none'} if codec=='libx264' else {}))
        s.height, s.width, s.pix_fmt = *frames[0].shape[:2], pix_fmt
        if sar: s.codec_context.sample_aspect_ratio = Fraction(sar)
        if times: s.codec_context.time_base = Fraction(1, 1000)
        a = c.add_stream('aac', 48000, layout='mono') if sound else None
        for i,p in enumerate(frames):
            f = av.VideoFrame.from_ndarray(p)
            if times: f.pts, f.time_base = times[i], Fraction(1, 1000)
            c.mux(s.encode(f))
        c.mux(s.encode())
        for i in range(int(sound*48000)//1024): c.mux(a.encode(_silence(i)))
        if a: c.mux(a.encode())
    return path

def _silence(i):
    f = av.AudioFrame.from_ndarray(np.zeros((1,1024), np.float32), format='fltp', layout='mono')
    f.sample_rate, f.pts = 48000, 1024*i
    return f

def song(path, cover):
    "An .mp3 with the bytes of a picture as its cover"
    with av.open(str(path), 'w') as c:
        s = c.add_stream('libmp3lame', 48000, layout='mono', format='fltp')
        for i in range(40): c.mux(s.encode(_silence(i)))
        c.mux(s.encode())
    tag = b'\0image/jpeg\0\3\0'+cover
    frame = b'APIC'+len(tag).to_bytes(4, 'big')+b'\0\0'+tag
    size = bytes(len(frame)>>k & 127 for k in (21,14,7,0)) # seven bits a byte
    path.write_bytes(b'ID3\3\0\0'+size+frame+path.read_bytes())
    return path

def with_matrix(path, matrix):
    "The film at `path`, an .mp4, with other numbers for how it is to be turned: (a,b,c,d), 1 is one"
    word = lambda *o: b''.join((round(v)&0xffffffff).to_bytes(4, 'big') for v in o)
    a, b, c, d = (65536*v for v in matrix)
    raw, straight = bytearray(path.read_bytes()), word(65536,0,0, 0,65536,0, 0,0,1<<30)
    at = raw.rfind(straight)
    raw[at:at+36] = word(a,b,0, c,d,0, 0,0,1<<30)
    path.write_bytes(raw)
    return path
