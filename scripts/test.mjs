// `npm test`: installs, builds and checks everything, and ends with a summary and the line
// `N passed, N failed, N skipped`. On a terminal it shows the current part; elsewhere it prints the output of every
// tool, line by line.
//
//     npm test               the gate: Rust and JavaScript, at most 10 minutes on 2 cores from a clean clone
//     npm test -- quick      under a minute on a built tree: unit tests, and the JavaScript tests that need no other
//                            process, thread or server
//     npm test -- rust | js  one half of the gate
//     npm run test:long      the gate with more cases: 1,000 worker threads, 100,000 mutated inputs per fuzz target

import { install } from './setup.mjs';
import { partsOf } from './test/parts.mjs';
import { display } from './test/progress.mjs';
import { report } from './test/report.mjs';
import { runParts } from './test/run.mjs';

const mode = process.argv[2] ?? 'all';
const parts = partsOf(mode);
if (!parts) {
  console.error('usage: npm test [-- quick | rust | js | long]');
  process.exit(2);
}

install();
const results = await runParts(parts, display());
process.exitCode = report(mode, results) ? 0 : 1;
