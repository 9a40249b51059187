// `npm run bench`: all benches that take seconds or minutes and need no server, then the charts. Arguments are passed
// on. The long ones are separate: http.mjs and memory.mjs.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { progress } from '../scripts/progress.mjs';

const PARTS = ['micro', 'dpop', 'introspection', 'eventloop', 'flood', 'flood-kinds', 'exit', 'chart'];
const running = progress(PARTS.length, { hasOutput: true });
for (const part of PARTS) {
  running.step(part);
  const file = fileURLToPath(new URL(`${part}.mjs`, import.meta.url));
  const { status } = spawnSync(process.execPath, [file, ...process.argv.slice(2)], { stdio: 'inherit' });
  if (status !== 0) {
    process.exit(status ?? 1);
  }
  console.log();
}
