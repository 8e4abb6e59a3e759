// Compiles dashboards against Grafana's own types: grafana-schema FILE.json...
//
// tests/tools/install puts it, with the pinned compiler and types beside it, into the cache; crates/ops calls it. What
// always holds: it writes into a temporary folder only, and exits 1 with the compiler's words when a file does not fit.

import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const home = dirname(fileURLToPath(import.meta.url));
const files = process.argv.slice(2);
if (files.length === 0 || files[0].startsWith('-')) {
  console.error('Usage: grafana-schema FILE.json...\nCompiles dashboards against the types of @grafana/schema.');
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), 'grafana-schema-'));
try {
  copyFileSync(join(home, 'model.ts'), join(folder, 'model.ts'));
  symlinkSync(join(home, 'node_modules'), join(folder, 'node_modules'));
  for (const file of files) {
    // A literal, not an import: only in literals the compiler refuses members that the types do not have.
    const source = `import type { Dashboard } from './model';\nexport const dashboard: Dashboard = ${readFileSync(file, 'utf8')};\n`;
    writeFileSync(join(folder, `${basename(file, '.json')}.ts`), source);
  }
  const options = {
    module: 'esnext',
    moduleResolution: 'bundler',
    noEmit: true,
    skipLibCheck: true,
    strict: true,
    target: 'esnext',
    types: [],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, include: ['*.ts'] }));
  const tsc = join(home, 'node_modules', 'typescript', 'bin', 'tsc');
  const run = spawnSync(process.execPath, [tsc, '--project', folder, '--pretty', 'false'], { cwd: folder, encoding: 'utf8' });
  const said = `${run.stdout ?? ''}${run.stderr ?? ''}${run.error ?? ''}`;
  if (run.status !== 0) {
    console.log(said.trimEnd());
    console.log(`grafana-schema: a dashboard does not fit the types of Grafana; line 2 of a .ts is line 1 of its .json.`);
    process.exitCode = 1;
  } else {
    console.log(`grafana-schema: ${files.length} dashboards fit the types of Grafana`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
