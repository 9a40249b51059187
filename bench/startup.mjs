// How much longer does a process take that imports a package than plain Node? A part of memory.mjs.
//
// Measures whole processes, from their start to their end, because that is the cost of a short-lived function.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { OURS } from './contestants.mjs';
import { interleave } from './measure.mjs';
import { number, printTable, summary, target } from './report.mjs';
import { quick } from './support.mjs';

const ROUNDS = quick ? 3 : 30;
const ROOT = fileURLToPath(new URL('../', import.meta.url));
const PACKAGES = [
  OURS,
  `${OURS}/express`,
  `${OURS}/fastify`,
  `${OURS}/web`,
  'fast-jwt',
  'aws-jwt-verify',
  'jose',
  'jsonwebtoken',
  '@node-rs/jsonwebtoken',
];

export async function measureStartup() {
  const all = [undefined, ...PACKAGES].map((name) => ({ name: name ?? 'bare Node', script: scriptFor(name) }));
  // The first start of each also reads its files into the page cache.
  const contestants = all.filter((each) => start(each) !== undefined);
  const samples = await interleave({ rounds: ROUNDS, contestants, segment: start });

  // The difference to plain Node in the same round.
  const over = (which, what) => summary(samples[which].map((sample, round) => sample[what] - samples[0][round][what]));
  const rows = contestants.map(({ name }, i) => ({
    name,
    milliseconds: summary(samples[i].map((sample) => sample.milliseconds)),
    overMilliseconds: over(i, 'milliseconds'),
    overMegabytes: over(i, 'megabytes'),
  }));
  printTable(
    `Importing, ${ROUNDS} starts each`,
    ['package', 'process ms', 'min', 'max', 'ms over bare', 'MB over bare'],
    [
      ...rows.map((row) => [
        row.name,
        number(row.milliseconds.median),
        number(row.milliseconds.min),
        number(row.milliseconds.max),
        number(row.overMilliseconds.median),
        number(row.overMegabytes.median),
      ]),
      ...all.filter((each) => !contestants.includes(each)).map(({ name }) => [name, 'not built', '-', '-', '-', '-']),
    ],
  );
  const ours = rows.find((row) => row.name === OURS);
  target('importing, over bare Node', ours?.overMilliseconds.median, { atMost: 20, unit: ' ms' });
  target('importing, over bare Node', ours?.overMegabytes.median, { atMost: 12, unit: ' MB' });
  return rows;
}

function scriptFor(name) {
  return `${name ? `await import('${name}');` : ''}console.log(process.memoryUsage.rss())`;
}

/** Starts a process and waits for its end. `undefined`: the import failed. */
function start({ script }) {
  const from = performance.now();
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  const milliseconds = performance.now() - from;
  return status === 0 ? { milliseconds, megabytes: Number(stdout) / 1e6 } : undefined;
}
