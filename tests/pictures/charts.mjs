// Draws one panel from its JSON and the answers to its queries: HTML and SVG as text. Called by page.mjs.
//
// It follows what Grafana does with the options that our dashboards set, as far as a still picture needs it.

import { color, escape, format, word } from './format.mjs';

const numbers = (series) => (series.values ?? [series.value]).map(([time, text]) => [time, Number(text)]);

/** The series of all targets with their legends. */
function lines(panel, answers) {
  const all = answers.flatMap((answer, at) =>
    (answer.result ?? []).map((one) => ({
      name: panel.targets[at].legendFormat.replace(/\{\{(\w+)\}\}/g, (_, label) => one.metric[label] ?? ''),
      points: numbers(one).filter(([, value]) => Number.isFinite(value)),
      labels: one.metric,
    })),
  );
  return all.filter((line) => line.points.length > 0);
}

const nothing = (panel) => {
  const why = /(Empty (?:where|while|when|without|before)[^.]*)\./.exec(panel.description);
  return `<div class="none">No data<small>${escape(why?.[1] ?? '')}</small></div>`;
};

export function draw(panel, data, time, size) {
  const answers = data?.answers ?? [];
  if (panel.type === 'table') return table(panel, answers, time);
  const all = lines(panel, answers);
  if (all.length === 0) return nothing(panel);
  if (panel.type === 'stat') return stat(panel, all, time, size);
  if (panel.type === 'bargauge') return bars(panel, all, time);
  if (panel.type === 'heatmap') return heatmap(panel, all, time, size, data);
  return graph(panel, all, time, size, data);
}

function paint(panel, value) {
  const { mappings, thresholds } = panel.fieldConfig.defaults;
  const mapped = mappings[0]?.options[String(value)];
  if (mapped) return [mapped.text, word(mapped.color)];
  const step = thresholds.steps.filter((one) => one.value === null || value >= one.value).at(-1);
  return [null, word(step.color)];
}

function stat(panel, all, time, [width, height]) {
  const [line] = all;
  const value = line.points.at(-1)[1];
  const [text, shade] = paint(panel, value);
  const shown = text ?? format(value, panel.fieldConfig.defaults.unit, time.to * 1000);
  const font = Math.min(38, (width * 1.4) / Math.max(shown.length, 3));
  let spark = '';
  if (panel.options.graphMode === 'area' && line.points.length > 1 && !text) {
    const top = Math.max(...line.points.map(([, v]) => v), 1e-12);
    const low = Math.min(...line.points.map(([, v]) => v), 0);
    const x = (t) => ((t - time.from) / (time.to - time.from)) * width;
    const y = (v) => height - ((v - low) / (top - low)) * height * 0.38 - 1;
    const path = line.points.map(([t, v]) => `${x(t).toFixed(1)},${y(v).toFixed(1)}`).join(' L');
    const begin = x(line.points[0][0]).toFixed(1);
    const end = x(line.points.at(-1)[0]).toFixed(1);
    spark = `<svg width="${width}" height="${height}"><path d="M${begin},${height} L${path} L${end},${height}Z" fill="${shade}" opacity=".13"/><path d="M${path}" fill="none" stroke="${shade}"/></svg>`;
  }
  return `${spark}<div class="stat" style="color:${shade};font-size:${font.toFixed(0)}px">${escape(shown)}</div>`;
}

function bars(panel, all, time) {
  const unit = panel.fieldConfig.defaults.unit;
  const sorted = all.map((line) => [line.name, line.points.at(-1)[1]]).sort((a, b) => b[1] - a[1]);
  const top = Math.max(...sorted.map(([, value]) => value), 1e-12);
  const rows = sorted.map(([name, value]) => {
    const part = ((value / top) * 100).toFixed(1);
    return `<div class="bar"><b>${escape(name)}</b><i><u style="width:${part}%"></u></i><span>${format(value, unit, time.to * 1000)}</span></div>`;
  });
  return `<div class="bars">${rows.slice(0, 16).join('')}</div>`;
}

/** One row for each set of labels, one column for each query, as merge and organize make it. */
function table(panel, answers, time) {
  const { indexByName, renameByName } = panel.transformations.find((one) => one.id === 'organize').options;
  const columns = Object.keys(indexByName).sort((a, b) => indexByName[a] - indexByName[b]);
  const rows = new Map();
  answers.forEach((answer, at) => {
    for (const one of answer.result ?? []) {
      const key = JSON.stringify(Object.entries(one.metric).sort());
      const row = rows.get(key) ?? { ...one.metric };
      row[answers.length === 1 ? 'Value' : `Value #${String.fromCharCode(65 + at)}`] = Number(one.value[1]);
      rows.set(key, row);
    }
  });
  if (rows.size === 0) return nothing(panel);
  const unit = (title) =>
    panel.fieldConfig.overrides.find((one) => one.matcher.options === title)?.properties[0].value ?? 'short';
  const by = columns.find((name) => name.startsWith('Value'));
  const sorted = [...rows.values()].sort((a, b) => (b[by] || 0) - (a[by] || 0));
  const head = columns.map((name) => `<th>${escape(renameByName[name])}</th>`).join('');
  const body = sorted.map((row) => {
    const cells = columns.map((name) => {
      const value = row[name];
      if (value === undefined) return '<td></td>';
      return name.startsWith('Value') ? `<td class="n">${format(value, unit(renameByName[name]), time.to * 1000)}</td>` : `<td>${escape(value)}</td>`;
    });
    return `<tr>${cells.join('')}</tr>`;
  });
  return `<table><tr>${head}</tr>${body.join('')}</table>`;
}

/** Round steps for an axis. */
function ticks(low, high, count) {
  const raw = (high - low || 1) / count;
  const size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((n) => n * size).find((n) => n >= raw);
  const first = Math.ceil(low / step - 1e-9) * step;
  return Array.from({ length: count + 2 }, (_, at) => first + at * step).filter((value) => value <= high + step * 1e-6);
}

function frame(time, width, height, left) {
  const x = (t) => left + ((t - time.from) / (time.to - time.from)) * (width - left - 8);
  let out = '';
  const parts = Math.max(2, Math.min(6, Math.floor((width - left) / 80)));
  for (let at = 1; at < parts; at += 1) {
    const t = time.from + ((time.to - time.from) * at) / parts;
    const label = new Date(t * 1000).toISOString().slice(11, 19);
    out += `<line x1="${x(t).toFixed(1)}" x2="${x(t).toFixed(1)}" y1="4" y2="${height - 16}" class="g"/>`;
    out += `<text x="${x(t).toFixed(1)}" y="${height - 4}" text-anchor="middle">${label}</text>`;
  }
  return [x, out];
}

function marks(time, x, height) {
  const inside = time.marks.filter((mark) => mark.at > time.from && mark.at < time.to);
  return inside.map((mark) => `<line x1="${x(mark.at).toFixed(1)}" x2="${x(mark.at).toFixed(1)}" y1="4" y2="${height - 16}" stroke="${word(mark.color)}" stroke-dasharray="3 3"/>`).join('');
}

function points(data, x, y, top, time) {
  const all = (data?.exemplars ?? []).flatMap((one) => one.exemplars).map((one) => [one.timestamp, Number(one.value)]);
  const inside = all.filter(([t, value]) => t > time.from && t < time.to && value <= top);
  const some = inside.filter((_, at) => at % Math.ceil(inside.length / 60) === 0);
  return some.map(([t, value]) => `<path transform="translate(${x(t).toFixed(1)} ${y(value).toFixed(1)})" d="M0-3 3 0 0 3-3 0Z" fill="#c15c9c"/>`).join('');
}

function graph(panel, all, time, [width, full], data) {
  const unit = panel.fieldConfig.defaults.unit;
  const stacked = panel.fieldConfig.defaults.custom.stacking.mode === 'normal';
  const rows = Math.min(all.length, full > 260 ? 5 : 4);
  const height = full - 22 - rows * 17 - (all.length > rows ? 14 : 0);
  const lows = new Map();
  const drawn = all.map((line) => {
    if (!stacked) return line.points.map(([t, v]) => [t, v, 0]);
    return line.points.map(([t, v]) => {
      const low = lows.get(t) ?? 0;
      lows.set(t, low + v);
      return [t, low + v, low];
    });
  });
  const values = drawn.flat().map(([, value]) => value);
  const least = Math.min(...values, panel.fieldConfig.defaults.min ?? Math.min(...values));
  // A line that is zero all along has an axis up to 1, not up to next to nothing.
  const most = Math.max(...values, panel.fieldConfig.defaults.max ?? -Infinity) || least + 1;
  const steps = ticks(least, most, Math.max(2, Math.floor(height / 42)));
  const high = Math.max(most, steps.at(-1));
  const labels = steps.map((value) => format(value, unit, time.to * 1000));
  const left = 12 + Math.max(...labels.map((text) => text.length)) * 6.2;
  const [x, grid] = frame(time, width, height, left);
  const y = (value) => height - 18 - ((value - least) / (high - least || 1)) * (height - 26);
  let out = grid;
  steps.forEach((value, at) => {
    out += `<line x1="${left}" x2="${width - 8}" y1="${y(value).toFixed(1)}" y2="${y(value).toFixed(1)}" class="g"/>`;
    out += `<text x="${left - 5}" y="${(y(value) + 3.5).toFixed(1)}" text-anchor="end">${labels[at]}</text>`;
  });
  const gap = time.step * 2.5;
  drawn.forEach((line, at) => {
    for (const part of split(line, gap)) {
      const top = part.map(([t, v]) => `${x(t).toFixed(1)},${y(v).toFixed(1)}`).join(' L');
      const low = part.toReversed().map(([t, , v]) => `${x(t).toFixed(1)},${y(Math.max(v, least)).toFixed(1)}`).join(' L');
      out += `<path d="M${top} L${low}Z" fill="${color(at)}" opacity="${stacked ? 0.4 : 0.07}"/>`;
      out += `<path d="M${top}" fill="none" stroke="${color(at)}" stroke-width="1.3"/>`;
      if (part.length === 1) out += `<circle cx="${x(part[0][0]).toFixed(1)}" cy="${y(part[0][1]).toFixed(1)}" r="1.8" fill="${color(at)}"/>`;
    }
  });
  out += marks(time, x, height) + points(data, x, y, high, time);
  return `<svg width="${width}" height="${height}">${out}</svg>${legend(all, rows, unit, time)}`;
}

/** Where points are missing the line has a gap. */
function split(line, gap) {
  const parts = [];
  for (const point of line) {
    const last = parts.at(-1);
    if (last && point[0] - last.at(-1)[0] <= gap) last.push(point);
    else parts.push([point]);
  }
  return parts;
}

function legend(all, rows, unit, time) {
  const show = (value) => format(value, unit, time.to * 1000);
  const body = all.slice(0, rows).map((line, at) => {
    const values = line.points.map(([, value]) => value);
    return `<tr><td><i style="background:${color(at)}"></i>${escape(line.name)}</td><td class="n">${show(values.at(-1))}</td><td class="n">${show(Math.max(...values))}</td></tr>`;
  });
  const rest = all.length > rows ? `<tr><td class="more">and ${all.length - rows} more</td></tr>` : '';
  return `<table class="legend"><tr><th></th><th class="n">Last</th><th class="n">Max</th></tr>${body.join('')}${rest}</table>`;
}

function heatmap(panel, all, time, [width, height], data) {
  const unit = panel.fieldConfig.defaults.unit;
  const buckets = all
    .map((line) => ({ le: line.labels.le === '+Inf' ? Infinity : Number(line.labels.le), at: new Map(line.points) }))
    .sort((a, b) => a.le - b.le);
  const used = buckets.map((bucket, at) => {
    const below = buckets[at - 1]?.at;
    return { le: bucket.le, cells: [...bucket.at].map(([t, v]) => [t, v - (below?.get(t) ?? 0)]) };
  });
  const filled = used.map((bucket) => bucket.cells.some(([, value]) => value > 1e-9));
  const shown = used.slice(filled.indexOf(true), filled.lastIndexOf(true) + 1);
  if (shown.length === 0) return nothing(panel);
  const most = Math.max(...shown.flatMap((bucket) => bucket.cells.map(([, value]) => value)));
  const [x, grid] = frame(time, width, height, 62);
  const size = (height - 26) / shown.length;
  const every = Math.ceil(14 / size);
  const cell = time.step;
  let out = grid;
  shown.forEach((bucket, at) => {
    const top = height - 18 - (at + 1) * size;
    if (at % every === 0) {
      out += `<text x="57" y="${(top + 4).toFixed(1)}" text-anchor="end">${bucket.le === Infinity ? '+Inf' : format(bucket.le, unit, 0)}</text>`;
    }
    for (const [t, value] of bucket.cells.filter((one) => one[1] > 1e-9)) {
      const heat = (value / most) ** 0.5;
      const wide = Math.max(1, x(t + cell) - x(t) - 0.5);
      out += `<rect x="${(x(t) - wide).toFixed(1)}" y="${top.toFixed(1)}" width="${wide.toFixed(1)}" height="${(size - 0.5).toFixed(1)}" fill="hsl(${(250 - 240 * heat).toFixed(0)} 75% ${(58 - 10 * heat).toFixed(0)}%)"/>`;
    }
  });
  const bounds = shown.map((bucket) => bucket.le);
  const lowest = buckets[buckets.findIndex((bucket) => bucket.le === bounds[0]) - 1]?.le ?? 0;
  const place = (value) => {
    const at = bounds.findIndex((le) => value <= le);
    if (at < 0 || value < lowest) return -100;
    const low = at === 0 ? lowest : bounds[at - 1];
    const part = bounds[at] === Infinity ? 0.5 : (value - low) / (bounds[at] - low);
    return height - 18 - (at + part) * size;
  };
  out += marks(time, x, height) + points(data, x, place, Infinity, time);
  return `<svg width="${width}" height="${height}">${out}</svg>`;
}
