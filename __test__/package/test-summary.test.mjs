/** `npm test`: what does its summary count, and how does it end? */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { longFiles, quickFiles, testFiles } from '../../scripts/test/files.mjs';
import { partsOf } from '../../scripts/test/parts.mjs';
import { readCargo, readNode } from '../../scripts/test/readers.mjs';
import { report } from '../../scripts/test/report.mjs';

const REPORTER = fileURLToPath(new URL('../../scripts/test/reporter.mjs', import.meta.url));

/** The result of a reader for a text. */
function resultOf(reader, text) {
  for (const line of text.split('\n')) reader.read(line);
  return reader.result();
}

describe('the counts', () => {
  it('of cargo are the sums over its test programs', () => {
    const text = [
      '     Running unittests src/lib.rs (target/debug/deps/a)',
      'test a::is_refused ... ok',
      'test result: ok. 203 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 1.00s',
      '     Running tests/faults.rs (target/debug/deps/b)',
      'test outage::is_503 ... FAILED',
      'test result: FAILED. 36 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s',
    ].join('\n');
    const { counts, failures } = resultOf(readCargo(), text);
    assert.deepEqual(counts, { passed: 239, failed: 1, skipped: 1 });
    assert.deepEqual(failures, [{ name: 'outage::is_503', file: 'tests/faults.rs' }]);
  });

  it('of a tool that ended before its first test are none', () => {
    assert.equal(resultOf(readCargo(), 'error: could not compile `a`').counts, undefined);
    assert.equal(resultOf(readNode(1), '').counts, undefined);
  });

  it('of node:test are those of its own summary, a failed hook and a file that ends early included', () => {
    const folder = mkdtempSync(join(tmpdir(), 'monocloud-summary-'));
    try {
      const file = (name, text) => {
        writeFileSync(join(folder, name), `import { before, describe, test } from 'node:test';\n${text}\n`);
        return join(folder, name);
      };
      const files = [
        file('a.test.mjs', "describe('a', () => { test('b', () => {}); test('c', { skip: 'no Redis' }, () => {}); });"),
        file('b.test.mjs', "test('d', () => { throw new Error('why') }); test('e', { todo: true }, () => {});"),
        file('c.test.mjs', "describe('f', () => { before(() => { throw new Error('hook') }); test('g', () => {}); });"),
        file('d.test.mjs', 'process.exit(3);'),
      ];
      const { NODE_TEST_CONTEXT: _, ...env } = process.env;
      const results = join(folder, 'results');
      const reporters = [
        '--test-reporter=tap',
        '--test-reporter-destination=stdout',
        `--test-reporter=${REPORTER}`,
        `--test-reporter-destination=${results}`,
      ];
      const { stdout } = spawnSync(process.execPath, ['--test', ...reporters, ...files], { encoding: 'utf8', env });
      const own = (what) => Number(new RegExp(`^# ${what} (\\d+)$`, 'm').exec(stdout)[1]);
      const { counts, failures, skips } = resultOf(readNode(files.length), readFileSync(results, 'utf8'));
      assert.equal(counts.passed, own('pass'));
      assert.equal(counts.failed, own('fail') + own('cancelled'));
      assert.equal(counts.skipped, own('skipped') + own('todo'));
      assert.ok(failures.some(({ name, error }) => name === 'd' && error.includes('why')));
      assert.ok(skips.some(({ name, why }) => name === 'c' && why === 'no Redis'));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('the last line', () => {
  function lastLine(results) {
    const lines = [];
    const { log } = console;
    console.log = (text) => lines.push(...text.split('\n'));
    try {
      return { isGood: report('js', results), line: lines.length > 0 && lines.at(-1) };
    } finally {
      console.log = log;
    }
  }

  it('counts Rust and JavaScript together', () => {
    const results = [
      { name: 'Rust tests', seconds: 1, isGood: true, counts: { passed: 2, failed: 0, skipped: 0 } },
      { name: 'JavaScript tests', seconds: 1, isGood: true, counts: { passed: 3, failed: 0, skipped: 1 } },
    ];
    assert.deepEqual(lastLine(results), { isGood: true, line: '5 passed, 0 failed, 1 skipped' });
  });

  it('counts a check that failed, and tests that were not run, as a failure', () => {
    const results = [
      { name: 'oxlint', seconds: 1, isGood: false },
      { name: 'JavaScript tests', seconds: 0, isGood: false, note: 'not run: build failed' },
    ];
    assert.deepEqual(lastLine(results), { isGood: false, line: '0 passed, 2 failed, 0 skipped' });
  });
});

describe('the modes', () => {
  it('are five; another name is none', () => {
    for (const mode of ['all', 'rust', 'js', 'quick', 'long']) assert.ok(partsOf(mode).length > 2, mode);
    assert.equal(partsOf('fast'), undefined);
  });

  it('quick leaves out what starts processes, and what is slow by design', () => {
    const names = quickFiles().map((path) => basename(path));
    assert.ok(names.includes('imports.test.mjs') && names.includes('client.test.mjs'));
    for (const name of ['test-summary.test.mjs', 'workers.test.mjs', 'redis.test.mjs', 'sealed.test.mjs']) {
      assert.ok(
        testFiles().some((path) => basename(path) === name),
        `there is no ${name} any more`,
      );
      assert.ok(!names.includes(name), name);
    }
  });

  it('quick and long choose some of the test files', () => {
    const all = testFiles();
    for (const some of [quickFiles(), longFiles()]) {
      assert.ok(some.length > 0 && some.length < all.length);
      assert.deepEqual(
        some.filter((path) => !all.includes(path)),
        [],
      );
    }
  });
});
