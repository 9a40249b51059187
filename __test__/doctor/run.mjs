// How does a test run the doctor?
//
// It runs the real command in a separate process. The environment contains only the variables that the test names.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const DOCTOR = fileURLToPath(new URL('../../npm/doctor/main.js', import.meta.url));

const DEADLINE_MS = 30_000;

/**
 * Runs `doctor` with `variables` (without their prefix) and `flags`. Returns `{ code, stdout, stderr }`, and with
 * `--json` also `report`. `input` goes to standard input; `file` is another copy of the command.
 */
export async function doctor({
  variables = {},
  flags = [],
  input = '',
  env = {},
  command = ['doctor'],
  file = DOCTOR,
} = {}) {
  const { PATH, HOME, SystemRoot } = process.env;
  const settings = Object.entries(variables).map(([name, value]) => [`MONOCLOUD_BACKEND_${name}`, value]);
  const child = spawn(process.execPath, [file, ...command, ...flags], {
    env: { PATH, HOME, SystemRoot, NO_PROXY: '*', ...Object.fromEntries(settings), ...env },
    timeout: DEADLINE_MS,
  });
  child.stdin.end(input);
  const [stdout, stderr, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    }),
  ]);
  return { code, stdout, stderr, report: flags.includes('--json') && stdout ? JSON.parse(stdout) : undefined };
}

async function text(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** Runs it with `--json`: returns the exit code, all checks in order, and the checks by id. */
export async function examine(options = {}) {
  const { code, report, stderr, stdout } = await doctor({ ...options, flags: ['--json', ...(options.flags ?? [])] });
  assert.ok(report, stderr);
  return { code, stdout, all: report.checks, checks: new Map(report.checks.map((check) => [check.id, check])) };
}

/** Asserts that exactly one check reports a problem, with its reason, a fix, and words in its message or fix. */
export function assertProblem({ code, all, checks }, id, reason, ...words) {
  assert.equal(code, 1);
  const problems = all.filter(({ status }) => status === 'problem').map((check) => check.id);
  assert.deepEqual(problems, [id], JSON.stringify(all, null, 1));
  const check = checks.get(id);
  assert.equal(check.reason, reason);
  assert.ok(check.fix.length > 10, 'a fix is told');
  const told = `${check.message} ${check.fix}`;
  for (const word of words) assert.ok(told.includes(word), `${word} in ${told}`);
}
