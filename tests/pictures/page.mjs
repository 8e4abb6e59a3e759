// Makes pictures of the dashboards: page.mjs ANSWERS CHROMIUM FOLDER
//
// `draw` calls it. Each dashboard of grafana/dashboards is laid out by its own JSON, its panels drawn from the answers that a
// real Prometheus gave, and a headless Chromium takes the picture. It is no Grafana: the pictures are illustrations.

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { draw } from './charts.mjs';
import { escape } from './format.mjs';
import { shrink } from './shrink.mjs';

const [answersFile, chromium, target] = process.argv.slice(2);
const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const answers = JSON.parse(readFileSync(answersFile, 'utf8'));

/** A column is 58 pixels wide, a row 38 high, 8 of each are the gap. */
const [COLUMN, ROW, GAP] = [58, 38, 8];
const WIDTH = 24 * COLUMN + GAP;

const css = `
* { box-sizing: border-box; margin: 0; font: 12px "DejaVu Sans", sans-serif; }
body { background: #f4f5f5; color: #24292e; position: relative; width: ${WIDTH}px; }
h1 { position: absolute; left: ${GAP}px; top: 10px; font-size: 17px; }
h1 small { color: #6e7781; margin-left: 12px; }
.chosen { position: absolute; left: ${GAP}px; top: 40px; white-space: nowrap; }
.chosen span { display: inline-block; background: #fff; border: 1px solid #d8dadd; padding: 3px 7px; margin-right: 6px; }
.chosen b { color: #3274d9; margin-right: 5px; }
.row { position: absolute; left: ${GAP}px; font-size: 15px; padding-top: 8px; }
.panel { position: absolute; background: #fff; border: 1px solid #e3e4e6; overflow: hidden; }
.panel h2 { font-size: 12.5px; font-weight: bold; padding: 6px 8px 4px; white-space: nowrap; height: 25px; }
.stat { position: absolute; inset: 25px 0 0; display: flex; align-items: center; justify-content: center; font-weight: bold; }
.panel svg { position: absolute; left: 0; top: 25px; }
.panel:has(.legend) svg { position: static; display: block; }
text { font-size: 10.5px; fill: #57606a; }
.g { stroke: #eceded; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; padding: 4px 8px; border-bottom: 1px solid #eef0f1; white-space: nowrap; overflow: hidden; }
th { color: #3274d9; }
.n { text-align: right; }
table:not(.legend) .n { text-align: left; }
.legend td, .legend th { border: 0; padding: 0 8px; font-size: 11px; height: 17px; max-width: 300px; text-overflow: ellipsis; }
.legend th { height: 16px; }
.legend i { display: inline-block; width: 12px; height: 4px; margin-right: 6px; vertical-align: middle; }
.legend .more { color: #6e7781; height: 13px; font-size: 10px; }
.bars { padding: 2px 8px; }
.bar { display: flex; align-items: center; height: 17px; }
.bar b { width: 45%; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-size: 11px; }
.bar i { flex: 1; background: #f0f1f2; height: 11px; }
.bar u { display: block; background: #3274d9; height: 11px; }
.bar span { width: 70px; text-align: right; font-size: 11px; }
.none { position: absolute; inset: 25px 8px 0; display: flex; flex-direction: column; align-items: center; justify-content: center; color: #6e7781; text-align: center; }
.none small { font-size: 10px; margin-top: 4px; }
`;

function html(dashboard, data) {
  const marks = data.marks.flatMap((mark) => {
    const color = dashboard.annotations.list.find((one) => one.name === mark.name).iconColor;
    const times = (mark.answer.result ?? []).flatMap((one) => one.values.map(([, value]) => Number(value) / 1000));
    return [...new Set(times)].map((at) => ({ at, color }));
  });
  const time = { from: answers.from, to: answers.to, step: answers.step, marks };
  const byId = new Map(data.panels.map((panel) => [panel.id, panel]));
  let out = '';
  let bottom = 0;
  for (const panel of dashboard.panels) {
    const { x, y, w, h } = panel.gridPos;
    const top = 74 + y * ROW;
    bottom = Math.max(bottom, top + h * ROW);
    if (panel.type === 'row') {
      out += `<div class="row" style="top:${top}px">${panel.collapsed ? '▸' : '▾'} ${escape(panel.title)}</div>`;
      continue;
    }
    const [width, height] = [w * COLUMN - GAP, h * ROW - GAP];
    const inside = draw(panel, byId.get(panel.id), time, [width - 2, height - 27]);
    out += `<div class="panel" style="left:${GAP + x * COLUMN}px;top:${top}px;width:${width}px;height:${height}px"><h2>${escape(panel.title)}</h2>${inside}</div>`;
  }
  const chosen = dashboard.templating.list
    .map((one) => `<span><b>${escape(one.label)}</b>${escape(one.type === 'datasource' ? 'default' : (one.current.text?.[0]?.length > 1 ? one.current.text[0] : one.current.text))}</span>`)
    .join('');
  const page = `<!doctype html><meta charset="utf-8"><style>${css}</style><body style="height:${bottom}px"><h1>${escape(dashboard.title)}<small>illustration, drawn from live answers of Prometheus, not by Grafana</small></h1><div class="chosen">${chosen}</div>${out}</body>`;
  return [page, bottom];
}

mkdirSync(target, { recursive: true });
const folder = mkdtempSync(join(tmpdir(), 'pictures-'));
try {
  for (const data of answers.dashboards) {
    // Nothing to see: everything on it needs what is not there.
    if (data.panels.every((panel) => panel.answers.every((answer) => (answer.result ?? []).length === 0))) continue;
    const dashboard = JSON.parse(readFileSync(join(root, 'grafana', 'dashboards', `${data.uid}.json`), 'utf8'));
    const [page, height] = html(dashboard, data);
    const [file, picture] = [join(folder, `${data.uid}.html`), join(folder, `${data.uid}.png`)];
    writeFileSync(file, page);
    const flags = ['--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--force-device-scale-factor=1', `--window-size=${WIDTH},${height}`];
    const run = spawnSync(chromium, [...flags, `--user-data-dir=${folder}/profile`, `--screenshot=${picture}`, `file://${file}`], { encoding: 'utf8', timeout: 120_000 });
    if (run.status !== 0) throw new Error(`${chromium} took no picture of ${data.uid}: ${run.error ?? run.stderr}`);
    const small = shrink(readFileSync(picture));
    writeFileSync(join(target, `${data.uid}.png`), small);
    console.log(`${data.uid}.png: ${WIDTH} x ${height}, ${Math.ceil(small.length / 1024)} KiB`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
