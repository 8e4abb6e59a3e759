// Numbers as Grafana writes them, by the unit of the panel, and the colours of series. Called by the charts.

const scales = {
  short: [1000, ['', ' K', ' Mil', ' Bil', ' Tri']],
  bytes: [1024, [' B', ' KiB', ' MiB', ' GiB', ' TiB']],
  binBps: [1024, [' B/s', ' KiB/s', ' MiB/s', ' GiB/s']],
};
const suffixes = { reqps: ' req/s', cps: ' c/s', ops: ' ops/s' };

/** At most three digits that say something. */
function digits(value) {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size < 0.001) return value.toExponential(1);
  const text = value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

function seconds(value) {
  const size = Math.abs(value);
  if (size === 0) return '0 s';
  const [by, name] = [
    [1e-6, ' µs', 1e-3], [1e-3, ' ms', 1], [1, ' s', 60], [60, ' min', 3600], [3600, ' h', 86400], [86400, ' d', Infinity],
  ].find((scale) => size < scale[2]);
  return digits(value / by) + name;
}

/** A value with its unit; `now` is the time of the picture in milliseconds. */
export function format(value, unit, now) {
  if (!Number.isFinite(value)) return '-';
  if (unit === 'none') return String(value);
  if (unit === 's') return seconds(value);
  if (unit === 'percentunit') return `${digits(value * 100)}%`;
  if (unit === 'dateTimeFromNow') {
    const away = (value - now) / 1000;
    return away < 0 ? `${seconds(-away)} ago` : `in ${seconds(away)}`;
  }
  if (suffixes[unit]) return scaled(value, scales.short) + suffixes[unit];
  return scaled(value, scales[unit] ?? scales.short);
}

function scaled(value, [base, names]) {
  let at = 0;
  while (Math.abs(value) >= base && at < names.length - 1) {
    value /= base;
    at += 1;
  }
  return digits(value) + names[at];
}

const palette = [
  '#56a64b', '#e0b400', '#3274d9', '#ff780a', '#e02f44', '#1f60c4', '#a352cc', '#2f9e9e', '#8f3bb8', '#b877d9',
  '#37872d', '#c4162a', '#fa6400', '#806eb7', '#447ebc',
];
export const color = (at) => palette[at % palette.length];

const named = { green: '#37872d', orange: '#e36209', red: '#c4162a', blue: '#1f60c4', purple: '#8f3bb8', text: '#24292e' };
export const word = (name) => named[name] ?? name;

export const escape = (text) =>
  String(text).replace(/[&<>"]/g, (letter) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[letter]);
