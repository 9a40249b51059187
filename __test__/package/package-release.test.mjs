/**
 * `scripts/release.mjs` in a copy of the files that it changes: a dry run by default, one version everywhere, and a
 * changelog.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FILES = ['package.json', 'package-lock.json', 'Cargo.toml', 'Cargo.lock', 'scripts/release.mjs'];
const IDENTITY = ['-c', 'user.name=Test', '-c', 'user.email=test@example.com', '-c', 'commit.gpgsign=false'];

let folder;
let platforms;

before(async () => {
  const entries = await readdir(join(ROOT, 'npm'), { withFileTypes: true });
  platforms = entries.filter((entry) => entry.isDirectory() && entry.name.includes('-')).map(({ name }) => name);
});
beforeEach(async () => {
  if (folder) await rm(folder, { recursive: true, force: true });
  folder = await mkdtemp(join(tmpdir(), 'monocloud-release-'));
  for (const path of [...FILES, ...platforms.map((name) => `npm/${name}/package.json`)]) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await cp(join(ROOT, path), join(folder, path));
  }
  git('init', '--quiet');
  commit('engine: tokens are validated');
});
after(() => rm(folder, { recursive: true, force: true }));

function git(...args) {
  const { status, stderr } = spawnSync('git', [...IDENTITY, ...args], { cwd: folder, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
}

function commit(subject) {
  git('add', '--all');
  git('commit', '--quiet', '--allow-empty', '-m', subject);
}

function release(...args) {
  return spawnSync(process.execPath, ['scripts/release.mjs', ...args], { cwd: folder, encoding: 'utf8' });
}

const read = (path) => readFile(join(folder, path), 'utf8');

async function everything() {
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = files.filter((file) => file.isFile()).map((file) => join(file.parentPath ?? file.path, file.name));
  const own = paths.filter((path) => !path.includes('.git'));
  return Object.fromEntries(await Promise.all(own.map(async (path) => [path, await readFile(path, 'utf8')])));
}

describe('a release', () => {
  it('changes nothing unless it is told to write', async () => {
    const old = await everything();
    const { status, stdout } = release('minor');
    assert.equal(status, 0);
    assert.match(stdout, /engine: tokens are validated/);
    assert.match(stdout, /Nothing was changed/);
    assert.deepEqual(await everything(), old);
  });

  it('writes one version into every manifest and lockfile, and nothing else into them', async () => {
    const old = await everything();
    const { status, stderr } = release('9.8.7', '--write');
    assert.equal(status, 0, stderr);
    for (const path of ['package.json', ...platforms.map((name) => `npm/${name}/package.json`)]) {
      assert.equal(JSON.parse(await read(path)).version, '9.8.7', path);
    }
    const lock = JSON.parse(await read('package-lock.json'));
    assert.deepEqual([lock.version, lock.packages[''].version], ['9.8.7', '9.8.7']);
    assert.match(await read('Cargo.toml'), /^\[package\]\nname = "monocloud-backend-node"\nversion = "9\.8\.7"$/m);
    assert.match(await read('Cargo.lock'), /^name = "monocloud-backend-node"\nversion = "9\.8\.7"$/m);
    for (const [path, text] of Object.entries(old)) {
      const lines = text.split('\n');
      const others = (await readFile(path, 'utf8')).split('\n').filter((line, index) => line !== lines[index]);
      assert.ok(others.length <= 2 && others.every((line) => line.includes('9.8.7')), `${path}: ${others}`);
    }
  });

  it('tells in the changelog what was committed since the last tag, by area, newest version first', async () => {
    release('2.0.0', '--write');
    commit('release: 2.0.0');
    git('tag', 'v2.0.0');
    commit('docs: a page more');
    commit('cache: it is faster');
    commit('cache: it is smaller');
    assert.equal(release('minor', '--write').status, 0);
    const [title, unreleased, newest, older] = (await read('CHANGELOG.md')).split(/\n(?=## \[)/);
    assert.deepEqual([title, unreleased], ['# Changelog\n', '## [Unreleased]\n']);
    const notes = '### Changed\n\n- cache: it is faster\n- cache: it is smaller\n- docs: a page more\n';
    assert.match(newest, /^## \[2\.1\.0\] - \d{4}-\d\d-\d\d\n/);
    assert.ok(newest.endsWith(`\n\n${notes}`), newest);
    assert.match(older, /^## \[2\.0\.0\] - .*\n\n### Changed\n\n- engine: tokens are validated\n$/);
    assert.equal(release('--notes').stdout, notes);
  });

  it('tells instead what stands under Unreleased, where something does, and keeps all else as it was', async () => {
    const kept = ['# Changelog\n\nAll changes.\n', '## [1.0.0] - 2020-01-01\n\nThe first one.\n'];
    const [preamble, first] = kept;
    const notes = '### Added\n\n- A thing with [a link](x).';
    await writeFile(join(folder, 'CHANGELOG.md'), [preamble, `## [Unreleased]\n\n${notes}\n`, first].join('\n'));
    assert.equal(release('2.0.0', '--write').status, 0);
    const [, date] = /\[2\.0\.0\] - (\d{4}-\d\d-\d\d)\n/.exec(await read('CHANGELOG.md'));
    const expected = [preamble, '## [Unreleased]\n', `## [2.0.0] - ${date}\n\n${notes}\n`, first].join('\n');
    assert.equal(await read('CHANGELOG.md'), expected);
  });

  it('is checked against its tag: every place, and the changelog', async () => {
    release('3.0.0', '--write');
    assert.equal(release('--check', 'v3.0.0').status, 0);
    const other = release('--check', 'v3.0.1');
    assert.equal(other.status, 1);
    assert.match(other.stderr, /Cargo\.toml has 3\.0\.0, not 3\.0\.1/);
    assert.match(other.stderr, /CHANGELOG\.md has no section for 3\.0\.1/);
    await writeFile(join(folder, 'Cargo.toml'), (await read('Cargo.toml')).replace('"3.0.0"', '"3.0.9"'));
    const torn = release('--check', 'v3.0.0');
    assert.equal(torn.status, 1);
    assert.equal(torn.stderr, 'Cargo.toml has 3.0.9, not 3.0.0\n');
  });

  it('without a step, with a wrong one, or with nothing to tell is refused', () => {
    assert.equal(release().status, 1);
    assert.match(release('huge').stderr, /Usage/);
    git('tag', 'v1.0.0');
    assert.match(release('patch').stderr, /nothing was committed/);
  });
});
