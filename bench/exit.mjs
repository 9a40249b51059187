// How long does a process take to end while it waits for the issuer?
//
//     node bench/exit.mjs [--quick]
//
// Milliseconds from the signal to the end of the process, compared with plain Node.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { OURS } from './contestants.mjs';
import { interleave } from './measure.mjs';
import { number, printHeader, printTable, printTargets, saveResults, summary, target } from './report.mjs';
import { AUDIENCE, quick } from './support.mjs';

const ROUNDS = quick ? 2 : 15;
const ROOT = fileURLToPath(new URL('../', import.meta.url));
const TOKEN = ['{"alg":"RS256","kid":"k"}', '{}', 'signature']
  .map((part) => Buffer.from(part).toString('base64url'))
  .join('.');

/** How the process is ended, and the expected exit code or signal. */
const ENDS = {
  'process.exit(7)': { script: 'setTimeout(() => process.exit(7), 20);', code: 7 },
  'an uncaught exception': { script: 'setTimeout(() => { throw new Error("the end"); }, 20);', code: 1 },
  SIGTERM: { script: 'setInterval(() => {}, 1000);', kill: 'SIGTERM' },
};

// Accepts connections and never responds.
const issuer = createServer(() => {}).listen(0, '127.0.0.1');
await once(issuer, 'listening');
const url = `http://127.0.0.1:${issuer.address().port}`;
const BUSY = {
  'bare Node': '',
  [OURS]: `
    const { MonoCloudBackendNodeClient } = await import('${OURS}');
    const client = new MonoCloudBackendNodeClient({ tenantDomain: '${url}', audience: '${AUDIENCE}', responseTimeout: 60000 });
    for (let i = 0; i < 10; i++) client.validateAccessToken('${TOKEN}').catch(() => {});`,
};

printHeader('Milliseconds to the end of a process that waits for its issuer', [
  `Medians of ${ROUNDS} interleaved rounds.`,
]);
const contestants = Object.entries(ENDS).flatMap(([how, end]) =>
  Object.entries(BUSY).map(([name, busy]) => ({ how, name, busy, ...end })),
);
const samples = await interleave({ rounds: ROUNDS, contestants, segment: end });
const rows = contestants.map(({ how, name }, i) => ({ how, name, ...summary(samples[i]) }));
printTable(
  'Ending',
  ['by', 'process', 'median', 'min', 'max'],
  rows.map((row) => [row.how, row.name, number(row.median), number(row.min), number(row.max)]),
);
for (const row of rows.filter(({ name }) => name === OURS))
  target(`the end by ${row.how}`, row.median, { atMost: 100, unit: ' ms' });
printTargets();
saveResults('exit', { rows });
issuer.close();
issuer.closeAllConnections();

/** Runs one process and measures from its message to its end. The 20 milliseconds for its requests are not included. */
async function end({ busy, script, code = null, kill }) {
  const child = spawn(
    process.execPath,
    ['--input-type=module', '--eval', `${busy} console.log('under way'); ${script}`],
    {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  await once(child.stdout, 'data');
  const from = performance.now() + (kill ? 0 : 20);
  if (kill) child.kill(kill);
  const [endedWith, by] = await once(child, 'exit');
  if (endedWith !== code || by !== (kill ?? null)) throw new Error(`ended with ${endedWith}, by ${by}`);
  return Math.max(0, performance.now() - from);
}
