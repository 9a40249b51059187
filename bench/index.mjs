// `npm run bench`: every question that takes seconds or minutes and no server, then the charts.
// Arguments are passed on. The long ones are apart: http.mjs and memory.mjs.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

for (const part of ['micro', 'introspection', 'eventloop', 'flood', 'flood-kinds', 'exit', 'chart']) {
  const file = fileURLToPath(new URL(`${part}.mjs`, import.meta.url));
  const { status } = spawnSync(process.execPath, [file, ...process.argv.slice(2)], { stdio: 'inherit' });
  if (status !== 0) {
    process.exit(status ?? 1);
  }
  console.log();
}
