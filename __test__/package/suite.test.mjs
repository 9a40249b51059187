/**
 * Do the tests prove what they seem to prove? A suite that cannot run counts as skipped, all vectors of other
 * projects are present and read, and no test reads files outside the repository.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const VECTORS = join(ROOT, '__test__', 'vectors', 'third-party');

const read = (path) => readFileSync(path, 'utf8');

/** Every file below a folder, except built and installed ones. */
function filesOf(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (['.git', 'node_modules', 'target', 'third-party'].includes(entry.name)) return [];
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesOf(path) : [path];
  });
}

describe('a suite that cannot run here', () => {
  /** The report of `node --test` for a file with this text, in a separate process. */
  function summaryOf(text, env = {}) {
    const folder = mkdtempSync(join(tmpdir(), 'monocloud-suite-'));
    try {
      const file = join(folder, 'a.test.mjs');
      const support = JSON.stringify(new URL('../support/suite.mjs', import.meta.url).href);
      writeFileSync(file, `import { test } from 'node:test';\nimport * as suite from ${support};\n${text}`);
      const { NODE_TEST_CONTEXT: _, ...inherited } = process.env;
      const { stdout } = spawnSync(process.execPath, ['--test', '--test-reporter=tap', file], {
        encoding: 'utf8',
        env: { ...inherited, ...env },
      });
      return stdout;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  it('is counted as skipped, with the reason', () => {
    const summary = summaryOf(
      `suite.describeWhere('there is no Redis', 'over Redis', () => test('never runs', () => {}));`,
    );
    assert.match(summary, /# skipped 1\n/);
    assert.match(summary, /over Redis # SKIP there is no Redis/);
    assert.doesNotMatch(summary, /never runs/);
  });

  it('runs where nothing is missing', () => {
    const summary = summaryOf(`suite.describeWhere(false, 'over Redis', () => test('runs', () => {}));`);
    assert.match(summary, /# pass 1\n/);
    assert.match(summary, /# skipped 0\n/);
  });

  it('is not skipped where CI=true: a missing command is a failure', () => {
    const text = `suite.describeWhere(suite.needsCommand('no-such-command'), 's', () => test('t', () => { throw new Error() }));`;
    assert.match(summaryOf(text, { CI: 'true' }), /# fail 1\n/);
    assert.match(summaryOf(text, { CI: 'false' }), /SKIP no-such-command is not installed/);
  });

  it('is never a skipped `describe`, which the summary does not count', () => {
    const files = filesOf(join(ROOT, '__test__')).filter((path) => path.endsWith('.mjs'));
    assert.ok(files.length > 50, `${files.length} files`);
    const silent = files.filter((path) => /\bdescribe\([^{]*?,\s*\{\s*skip\b|\bdescribe\.skip\b/.test(read(path)));
    assert.deepEqual(
      silent.map((path) => relative(ROOT, path)),
      [],
    );
  });
});

describe('the vectors of other projects', () => {
  /** By folder: the number of vector files, and where the licence is stated. */
  const FOLDERS = { wycheproof: 15, cookbook: 12, rfc8705: 2 };

  it('are all committed, each folder with its licence or its source', () => {
    const readme = read(join(VECTORS, 'README.md'));
    const folders = readdirSync(VECTORS).filter((name) => statSync(join(VECTORS, name)).isDirectory());
    assert.deepEqual(folders.sort(), Object.keys(FOLDERS).sort());
    for (const [name, count] of Object.entries(FOLDERS)) {
      const vectors = filesOf(join(VECTORS, name)).filter((path) => /\.(?:json|pem)$/.test(path));
      assert.equal(vectors.length, count, name);
      const row = readme.split('\n').find((line) => line.startsWith(`| \`${name}/\``));
      assert.ok(row, `the README has a row for ${name}`);
      if (row.includes('LICENSE')) assert.ok(statSync(join(VECTORS, name, 'LICENSE')).size > 500, name);
      else assert.match(row, /IETF Trust/);
    }
  });

  it('are each read by a Rust test', () => {
    const tests = filesOf(join(ROOT, 'tests', 'vectors'))
      .map(read)
      .join('\n');
    const unread = Object.keys(FOLDERS)
      .flatMap((name) => filesOf(join(VECTORS, name)))
      .filter((path) => /\.(?:json|pem)$/.test(path) && !tests.includes(path.split('/').at(-1)));
    assert.deepEqual(unread, []);
  });

  it('are no reason to skip: no Rust test looks whether they are there', () => {
    const tests = [join(ROOT, 'tests', 'vectors.rs'), ...filesOf(join(ROOT, 'tests', 'vectors'))].map(read).join('\n');
    assert.doesNotMatch(tests, /is_dir|exists\(\)|env::var|else \{ return \}/);
  });
});

describe('the repository', () => {
  it('contains every file that its tests or scripts need', () => {
    const outside = ['..', 'shared/'].join('/');
    const named = filesOf(ROOT).filter((path) => /\.(?:m?[jt]s|rs|md|json|toml|ya?ml|run)$|\/run$/.test(path));
    assert.ok(named.length > 200, `${named.length} files`);
    assert.deepEqual(
      named.filter((path) => read(path).includes(outside)).map((path) => relative(ROOT, path)),
      [],
    );
  });
});
