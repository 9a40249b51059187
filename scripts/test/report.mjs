// The summary: times and counts per part, the slowest files, the skipped tests and how to run them, the failures. The
// last line is `N passed, N failed, N skipped`.

import { spawnSync } from 'node:child_process';

const SLOWEST = 5;
/** The servers and tools that some tests need: the command, how to find it, and Debian's package. */
const TOOLS = [
  { command: 'redis-server', flag: '--version', debian: 'redis-server' },
  { command: 'nginx', flag: '-v', debian: 'nginx-light' },
  { command: 'openssl', flag: 'version', debian: 'openssl' },
];
const NOT_RUN = {
  all: 'Not part of this run: long tests (npm run test:long), runtimes (test:runtimes), real servers (test:issuers).',
  quick: 'Not part of this run: clippy, the Rust fault tests and vectors, and what needs other processes (npm test).',
};

/** Prints the summary; returns whether everything passed. A failed check that is not a test counts as one. */
export function report(mode, results) {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (const { counts = {}, isGood } of results) {
    for (const what of Object.keys(sum)) sum[what] += counts[what] ?? 0;
    if (!isGood && !counts.failed) sum.failed += 1;
  }

  console.log('\nSummary\n');
  printTable(results);
  printSlowest(results);
  printSkipped(results);
  printFailures(results);
  if (NOT_RUN[mode]) console.log(`\n${NOT_RUN[mode]}`);
  console.log(`\n${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`);
  return sum.failed === 0;
}

export function timeOf(seconds) {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.trunc(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
}

function printTable(results) {
  const total = results.reduce((all, { seconds }) => all + seconds, 0);
  const rows = [['part', 'time', '', 'passed', 'failed', 'skipped']];
  for (const { name, seconds, isGood, counts, note } of results) {
    const numbers = counts ? [counts.passed, counts.failed, counts.skipped] : ['', '', ''];
    rows.push([name, timeOf(seconds), note ?? (isGood ? 'ok' : 'FAILED'), ...numbers]);
  }
  rows.push(['all', timeOf(total), '', '', '', '']);
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => String(row[column]).length)));
  for (const row of rows) {
    const cells = row.map((cell, column) => {
      const text = String(cell);
      return column === 0 || column === 2 ? text.padEnd(widths[column]) : text.padStart(widths[column]);
    });
    console.log(`  ${cells.join('  ').trimEnd()}`);
  }
}

function printSlowest(results) {
  const times = results.flatMap((result) => [...(result.times ?? [])]);
  const slowest = times.sort(([, a], [, b]) => b - a).slice(0, SLOWEST);
  if (slowest.length === 0) return;
  console.log('\nSlowest test files');
  for (const [file, ms] of slowest) console.log(`  ${timeOf(ms / 1000).padStart(12)}  ${file}`);
}

function printSkipped(results) {
  const skips = results.flatMap((result) => result.skips ?? []);
  if (skips.length > 0) console.log(`\nSkipped (${skips.length})`);
  for (const [why, names] of byReason(skips)) console.log(`  ${names.length}  ${why}: ${names.slice(0, 3).join('; ')}`);

  const missing = TOOLS.filter(({ command, flag }) => spawnSync(command, [flag], { stdio: 'ignore' }).status !== 0);
  if (missing.length === 0) return;
  console.log(
    `\nNot installed: ${missing.map(({ command }) => command).join(', ')}. The tests that need them run after:`,
  );
  console.log(`  apt-get install ${missing.map(({ debian }) => debian).join(' ')}`);
}

function byReason(skips) {
  const reasons = new Map();
  for (const { name, why = 'no reason given' } of skips) reasons.set(why, [...(reasons.get(why) ?? []), name]);
  return reasons;
}

function printFailures(results) {
  const failed = results.filter(({ isGood }) => !isGood);
  if (failed.length > 0) console.log('\nFailed');
  for (const { name, failures = [], note } of failed) {
    console.log(`  ${name}${note ? ` (${note})` : ''}`);
    for (const { name: test, file, error } of failures) {
      console.log(`    ${file}: ${test}`);
      if (error) console.log(error.replace(/^/gm, '      '));
    }
  }
}
