// Does a script say how far it is, on a terminal and elsewhere?

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { progress } from '../../scripts/progress.mjs';

/** A stream that keeps what is written. */
function stream(isTTY) {
  const written = [];
  return { isTTY, columns: 40, written, write: (text) => written.push(text) };
}

test('without a terminal, each step is one line', () => {
  const stdout = stream(false);
  const steps = progress(2, { stdout, env: {} });
  steps.step('packs');
  steps.step('installs');
  steps.end();
  assert.deepEqual(stdout.written, ['[1/2] packs\n', '[2/2] installs\n']);
});

test('steps that run beside each other are counted when they end', () => {
  const stdout = stream(false);
  const steps = progress(2, { stdout, env: {} });
  steps.ended('Node 20');
  steps.ended('Node 22: FAILED');
  assert.deepEqual(stdout.written, ['[1/2] Node 20\n', '[2/2] Node 22: FAILED\n']);
});

test('on a terminal, one line changes, is never longer than the terminal, and goes away', () => {
  const stdout = stream(true);
  const steps = progress(1, { stdout, env: {} });
  steps.step('x'.repeat(100));
  steps.end();
  const [first, last] = stdout.written;
  const clear = '\r\u001B[2K';
  assert.equal(first, `${clear}[1/1] ${'x'.repeat(33)}`);
  assert.equal(last, clear);
});

test('CI and output of other tools get lines, also on a terminal', () => {
  for (const options of [{ env: { CI: 'true' } }, { env: {}, hasOutput: true }]) {
    const stdout = stream(true);
    progress(1, { stdout, ...options }).step('builds');
    assert.deepEqual(stdout.written, ['[1/1] builds\n']);
  }
});
