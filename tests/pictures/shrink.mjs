// Makes a PNG small: at most 64 colours, by a palette. Flat pictures lose nothing that a reader would see.
//
// It reads what Chromium writes (8 bits, RGB or RGBA, not interlaced) and nothing else.

import { crc32, deflateSync, inflateSync } from 'node:zlib';

const COLORS = 64;

export function shrink(png) {
  const { width, height, pixels } = read(png);
  const palette = choose(pixels);
  const nearest = new Map();
  const rows = Buffer.alloc((width + 1) * height);
  for (let at = 0; at < pixels.length; at += 1) {
    let found = nearest.get(pixels[at]);
    if (found === undefined) {
      found = closest(palette, pixels[at]);
      nearest.set(pixels[at], found);
    }
    rows[Math.floor(at / width) * (width + 1) + 1 + (at % width)] = found;
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 3, 0, 0, 0], 8);
  const colors = Buffer.from(palette.flatMap((color) => [color >> 16, (color >> 8) & 255, color & 255]));
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  const parts = [chunk('IHDR', head), chunk('PLTE', colors), chunk('IDAT', deflateSync(rows, { level: 9 })), chunk('IEND', Buffer.alloc(0))];
  return Buffer.concat([signature, ...parts]);
}

/** The colours that most pixels have. */
function choose(pixels) {
  const counts = new Map();
  for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
  const sorted = [...counts].sort((a, b) => b[1] - a[1]).map(([color]) => color);
  const chosen = [];
  // Shades that an eye cannot tell apart are one.
  for (const color of sorted) {
    if (chosen.length === COLORS) break;
    if (chosen.every((other) => distance(color, other) > 300)) chosen.push(color);
  }
  return chosen;
}

function distance(a, b) {
  const part = (shift) => ((a >> shift) & 255) - ((b >> shift) & 255);
  return part(16) ** 2 + part(8) ** 2 + part(0) ** 2;
}

function closest(palette, color) {
  let best = 0;
  for (let at = 1; at < palette.length; at += 1) {
    if (distance(palette[at], color) < distance(palette[best], color)) best = at;
  }
  return best;
}

function read(png) {
  const parts = [];
  let [width, height, kind] = [0, 0, 0];
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at);
    const name = png.toString('latin1', at + 4, at + 8);
    const data = png.subarray(at + 8, at + 8 + length);
    if (name === 'IHDR') [width, height, kind] = [data.readUInt32BE(0), data.readUInt32BE(4), data[9]];
    if (name === 'IDAT') parts.push(data);
    at += length + 12;
  }
  const size = { 2: 3, 6: 4 }[kind];
  if (!size) throw new Error(`a PNG of colour type ${kind} is not expected`);
  return { width, height, pixels: unfilter(inflateSync(Buffer.concat(parts)), width, height, size) };
}

/** PNG specification, section 9. */
function unfilter(raw, width, height, size) {
  const line = width * size;
  const bytes = Buffer.alloc(line * height);
  for (let y = 0; y < height; y += 1) {
    const filter = raw[y * (line + 1)];
    for (let x = 0; x < line; x += 1) {
      const a = x >= size ? bytes[y * line + x - size] : 0;
      const b = y > 0 ? bytes[(y - 1) * line + x] : 0;
      const c = x >= size && y > 0 ? bytes[(y - 1) * line + x - size] : 0;
      const guess = [0, a, b, (a + b) >> 1, paeth(a, b, c)][filter];
      bytes[y * line + x] = raw[y * (line + 1) + 1 + x] + guess;
    }
  }
  const pixels = new Uint32Array(width * height);
  for (let at = 0; at < pixels.length; at += 1) {
    pixels[at] = (bytes[at * size] << 16) | (bytes[at * size + 1] << 8) | bytes[at * size + 2];
  }
  return pixels;
}

function paeth(a, b, c) {
  const [pa, pb, pc] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
  if (pa <= pb && pa <= pc) return a;
  return pb <= pc ? b : c;
}

function chunk(name, data) {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), data]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}
