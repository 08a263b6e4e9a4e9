// Drawing on a canvas: a skeleton, glosses in time, probabilities over time.
// Plain functions that clear nothing: what is drawn on is the caller's.

// The colours of the package's figures: left and right, right and wrong, and what text on them is written in.
const COLOURS = {left: '#0173b2', right: '#de8f05', middle: '#949494', good: '#b8d4e8', wrong: '#f2b98d', ink: '#1a1a1a'};

// Give a canvas so many pixels of the page, sharp on any screen; its context counts in pixels of the page.
function fitCanvas(canvas, width, height) {
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(width*scale);
  canvas.height = Math.round(height*scale);
  canvas.style.width = width+'px';
  canvas.style.height = height+'px';
  const context = canvas.getContext('2d');
  context.setTransform(scale, 0, 0, scale, 0, 0);
  return context;
}

// One pose. points: [x, y] from 0 to 1 of the drawing, not finite or missing where a point was not seen.
// links: [a, b, side, thin], with side 'left', 'right' or 'middle', and thin for hands and lips.
// A point whose neighbours were not seen is a dot: some corpora know nothing but nose and wrists.
function drawSkeleton(context, points, links, width, height, colours = COLOURS) {
  const seen = k => points[k] && Number.isFinite(points[k][0]) && Number.isFinite(points[k][1]);
  const at = k => [points[k][0]*width, points[k][1]*height];
  const unit = Math.max(1, Math.min(width, height)/160), alone = new Map();
  context.lineCap = 'round';
  for (const [a, b, side, thin] of links) {
    for (const k of [a, b]) if (seen(k) && (!alone.has(k) || side!=='middle')) alone.set(k, side);
    if (!seen(a) || !seen(b)) continue;
    context.strokeStyle = colours[side || 'middle'];
    context.lineWidth = thin ? unit : 2*unit;
    context.beginPath();
    context.moveTo(...at(a));
    context.lineTo(...at(b));
    context.stroke();
  }
  for (const [a, b] of links) if (seen(a) && seen(b)) [a, b].forEach(k => alone.delete(k));
  for (const [k, side] of alone) {
    context.fillStyle = colours[side || 'middle'];
    context.beginPath();
    context.arc(...at(k), 3*unit, 0, 2*Math.PI);
    context.fill();
  }
}

// A text that is not wider than it may be; nothing where not even a letter fits.
function fitText(context, text, width) {
  if (context.measureText(text).width<=width) return text;
  const letters = [...text];
  while (letters.length && context.measureText(letters.join('')+'…').width>width) letters.pop();
  return letters.length ? letters.join('')+'…' : '';
}

// Glosses as boxes on one line of time, which shows `from` to `to`.
// spans: {gloss, start, end, mark}, times in the unit of from and to; a mark (S, D, I) says that the gloss is wrong:
// it is written before the gloss, and the box is orange with a dashed edge, so that colour is not all that tells.
function drawGlosses(context, spans, from, to, width, height, colours = COLOURS) {
  const x = time => (time-from)/(to-from)*width;
  context.font = '12px system-ui, sans-serif';
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  for (const {gloss, start, end, mark} of spans) {
    const left = Math.max(0, x(start))+1, right = Math.min(width, x(end))-1;
    if (right<=left) continue;
    context.fillStyle = mark ? colours.wrong : colours.good;
    context.fillRect(left, 1, right-left, height-2);
    context.strokeStyle = colours.ink;
    context.lineWidth = 1;
    context.setLineDash(mark ? [3, 2] : []);
    if (mark) context.strokeRect(left+.5, 1.5, right-left-1, height-3);
    context.fillStyle = colours.ink;
    const room = right-left-4, text = fitText(context, mark ? mark+' '+gloss : gloss, room);
    context.fillText(text.length>2 || !mark ? text : mark, (left+right)/2, height/2); // where little fits, the mark does
  }
  context.setLineDash([]);
}

// Three numbers of a colour that is written #rrggbb.
function channels(colour) { return [1, 3, 5].map(i => parseInt(colour.slice(i, i+2), 16)); }

// Probabilities as a map. values: rows*columns bytes, one row after the other, 0 for none and 255 for certain;
// the colours go evenly from `none` to `full`.
function drawHeat(context, values, rows, columns, width, height, none = '#ffffff', full = '#0173b2') {
  const small = document.createElement('canvas');
  small.width = columns;
  small.height = rows;
  const pen = small.getContext('2d'), image = pen.createImageData(columns, rows), low = channels(none), high = channels(full);
  for (let i = 0; i<rows*columns; i++) {
    for (let c = 0; c<3; c++) image.data[4*i+c] = low[c]+(high[c]-low[c])*values[i]/255;
    image.data[4*i+3] = 255;
  }
  pen.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, width, height);
}

// Where in time we are.
function drawCursor(context, x, height, colour) {
  context.fillStyle = colour;
  context.fillRect(Math.round(x)-1, 0, 2, height);
}
