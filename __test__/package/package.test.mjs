/**
 * What is published, and what happens on an unsupported machine? Tests the tarballs of `scripts/pack.mjs`, the
 * platform packages and the loader.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { pack, requiredGlibc } from '../../scripts/pack.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const { PLATFORMS, platformName } = createRequire(import.meta.url)('../../npm/native/platform.js');

let folder;
let packed;
let manifest;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'monocloud-package-'));
  packed = pack({ out: folder });
  await extract(packed.main.file, 'main');
  await extract(packed.platform.file, 'platform');
  manifest = await readJson(join(folder, 'main', 'package.json'));
});
after(() => rm(folder, { recursive: true, force: true }));

const readJson = async (path) => JSON.parse(await readFile(path, 'utf8'));

/** Extracts like npm, without the first folder. */
async function extract(tarball, name) {
  const target = join(folder, name);
  await mkdir(target);
  const { status, stderr } = spawnSync('tar', ['-xzf', tarball, '-C', target, '--strip-components=1'], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
}

describe('the main tarball', () => {
  const ALLOWED = [
    /^(?:package\.json|LICENSE|README\.md|CHANGELOG\.md|index\.d\.ts)$/,
    /^npm\/[\w-]+\.(?:js|mjs|d\.ts|d\.mts)$/,
    /^npm\/types\/[\w-]+\.d\.(?:ts|mts)$/,
    /^npm\/(?:cache|client|doctor|errors|explain|mcp|native|observability|protect|testing|ws)\/[\w-]+\.js$/,
    /^npm\/doctor\/ui\/page\.(?:css|html|js)$/,
    /^npm\/testing\/setup\.(?:mjs|d\.ts|d\.mts)$/,
  ];

  it('contains JavaScript, types, the doctor and documents, and nothing else', () => {
    const others = packed.main.files.filter((path) => !ALLOWED.some((pattern) => pattern.test(path)));
    assert.deepEqual(others, []);
    assert.ok(packed.main.files.length > 30);
  });

  it('holds no test, no secret, no binary, no source of the engine and no target', () => {
    const folders = /(?:^|\/)(?:__test__|tests?|target|src|benche?s?|demo|docs|scripts|examples|fuzz)\//;
    const files = /(?:^|\/)\.[^/]*|\.(?:rs|toml|node|tgz|pem|key|lock|test\.mjs)$/;
    const forbidden = packed.main.files.filter((path) => folders.test(path) || files.test(path));
    assert.deepEqual(forbidden, []);
  });

  it('holds every file that its manifest names, and the licence', () => {
    const named = [
      'LICENSE',
      manifest.main,
      manifest.types,
      manifest.module,
      ...Object.values(manifest.bin),
      ...Object.values(manifest.exports).flatMap(leaves),
      ...Object.values(manifest.typesVersions['*']).flat(),
    ]
      .filter(Boolean)
      .map((path) => path.replace(/^\.\//, ''));
    assert.deepEqual(
      named.filter((path) => !packed.main.files.includes(path)),
      [],
    );
  });

  it('holds every file that its files require', async () => {
    for (const path of packed.main.files.filter((name) => /\.m?js$/.test(name))) {
      const text = await readFile(join(folder, 'main', path), 'utf8');
      // Comments name the types of the type check, which are not published.
      const code = text.replace(/\/\*\*[^]*?\*\//g, '');
      for (const [, name] of code.matchAll(/(?:require\(|from )'(\.{1,2}\/[^']+)'/g)) {
        assert.ok(existsSync(join(folder, 'main', dirname(path), name)), `${path} requires ${name}`);
      }
    }
  });

  it('runs no script, downloads nothing, and depends on nothing but one package per platform, at its own version', () => {
    assert.equal(manifest.scripts, undefined);
    assert.equal(manifest.dependencies, undefined);
    assert.equal(manifest.devDependencies, undefined);
    const expected = PLATFORMS.map((name) => [`@monocloud/backend-node-${name}`, manifest.version]);
    assert.deepEqual(manifest.optionalDependencies, Object.fromEntries(expected));
  });

  it('is small', () => {
    assert.ok(packed.main.unpackedSize < 950_000, `${packed.main.unpackedSize} bytes`);
  });

  function leaves(entry) {
    return typeof entry === 'string' ? [entry] : Object.values(entry).flatMap(leaves);
  }
});

describe("the platform's tarball", () => {
  it('holds the binary, a manifest, a readme and the licence', () => {
    const binary = `monocloud-backend-node.${platformName()}.node`;
    assert.deepEqual(
      packed.platform.files.toSorted?.() ?? [...packed.platform.files].sort(),
      ['LICENSE', 'README.md', binary, 'package.json'].sort(),
    );
  });

  it('loads beside the main package, by its name, where nothing is built', async () => {
    const modules = join(folder, 'app', 'node_modules', '@monocloud');
    await cp(join(folder, 'main'), join(modules, 'backend-node'), { recursive: true });
    await cp(join(folder, 'platform'), join(modules, `backend-node-${platformName()}`), { recursive: true });
    const { status, stdout, stderr } = run(
      join(folder, 'app'),
      'console.log(Object.keys(require("@monocloud/backend-node")).length)',
    );
    assert.equal(status, 0, stderr);
    assert.ok(Number(stdout) >= 7);
  });

  it('tells which glibc its binary needs', { skip: process.platform !== 'linux' && 'not Linux' }, async () => {
    const text = (...names) => Buffer.from(`\0${names.join('\0')}\0`);
    const file = join(folder, 'names');
    await writeFile(file, text('GLIBC_2.9', 'GLIBC_2.17', 'GLIBC_PRIVATE', 'memcpy', 'GLIBC_2.2.5'));
    assert.equal(requiredGlibc(file), '2.17');
    await writeFile(file, text('memcpy'));
    assert.equal(requiredGlibc(file), undefined);
    assert.match(requiredGlibc(packed.binary), /^2\.\d+$/);
  });
});

describe('the packages of the platforms', () => {
  it('are the folders of npm/, one each, in step with the main package and its own name', async () => {
    const entries = await readdir(join(ROOT, 'npm'), { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory() && entry.name.includes('-')).map(({ name }) => name);
    assert.deepEqual(folders.sort(), [...PLATFORMS].sort());
    for (const name of PLATFORMS) {
      const platform = await readJson(join(ROOT, 'npm', name, 'package.json'));
      const [os, cpu, abi] = name.split('-');
      const { version, license, engines } = manifest;
      assert.equal(platform.name, `@monocloud/backend-node-${name}`);
      assert.deepEqual([platform.version, platform.license, platform.engines], [version, license, engines]);
      assert.deepEqual([platform.os, platform.cpu], [[os], [cpu]]);
      assert.deepEqual(platform.libc, { gnu: ['glibc'], musl: ['musl'] }[abi]);
      assert.equal(platform.main, `monocloud-backend-node.${name}.node`);
      assert.deepEqual(platform.files, [platform.main]);
      assert.equal(platform.scripts, undefined);
    }
  });

  it('are each built, tested and published by the workflows', async () => {
    const build = await readFile(join(ROOT, '.github', 'workflows', 'build.yml'), 'utf8');
    const built = [...build.matchAll(/- \{ platform: ([\w-]+),/g)].map(([, name]) => name);
    assert.deepEqual(built.sort(), [...PLATFORMS].sort());
    const release = await readFile(join(ROOT, '.github', 'workflows', 'release.yml'), 'utf8');
    assert.match(release, new RegExp(`-eq ${PLATFORMS.length + 1}\\n`));
    assert.match(release, /--provenance/);
    assert.match(release, /sha256sum/);
    assert.match(release, /--dry-run/);
  });

  it('are each named in the loader, as text that tools can trace', async () => {
    const loader = await readFile(join(ROOT, 'npm', 'native', 'load.js'), 'utf8');
    const named = [...loader.matchAll(/case '([\w-]+)':\n\s+return require\('@monocloud\/backend-node-([\w-]+)'\);/g)];
    assert.deepEqual(
      named.map(([, name]) => name),
      [...PLATFORMS].sort(),
    );
    assert.ok(named.every(([, name, required]) => name === required));
  });
});

describe('the loader', () => {
  /** Pretends to be another machine, then loads a copy of the package without a binary. */
  function loadAs({ platform, arch, glibc, objects = [], hasMusl = true }) {
    const report = { header: { glibcVersionRuntime: glibc }, sharedObjects: objects };
    return run(
      join(folder, 'main'),
      `
        Object.defineProperty(process, 'platform', { value: ${JSON.stringify(platform)} });
        Object.defineProperty(process, 'arch', { value: ${JSON.stringify(arch)} });
        process.report.getReport = () => (${JSON.stringify(report)});
        const fs = require('node:fs');
        const { existsSync } = fs;
        fs.existsSync = (path) => (/alpine-release|ld-musl/.test(path) ? ${hasMusl} : existsSync(path));
        console.log(require('./npm/native/platform.js').platformName());
        try { require('./npm/native/load.js'); } catch (error) { console.log(error.message); }
      `,
    ).stdout;
  }

  it('is of glibc where musl is nowhere, whatever a report would say', () => {
    const facts = { platform: 'linux', arch: 'x64', objects: ['/lib/libc.musl-x86_64.so.1'], hasMusl: false };
    assert.equal(loadAs(facts).split('\n')[0], 'linux-x64-gnu');
  });

  it('tells glibc from musl, where both are, by what the process runs on', () => {
    const name = (facts) => loadAs(facts).split('\n')[0];
    assert.equal(name({ platform: 'linux', arch: 'x64', glibc: '2.17' }), 'linux-x64-gnu');
    assert.equal(
      name({ platform: 'linux', arch: 'arm64', objects: ['/lib/ld-musl-aarch64.so.1'] }),
      'linux-arm64-musl',
    );
    assert.equal(name({ platform: 'linux', arch: 'x64', objects: ['/lib/libc.musl-x86_64.so.1'] }), 'linux-x64-musl');
    assert.equal(
      name({ platform: 'linux', arch: 'x64', objects: ['/lib/x86_64-linux-gnu/libc.so.6'] }),
      'linux-x64-gnu',
    );
    assert.equal(name({ platform: 'win32', arch: 'arm64' }), 'win32-arm64-msvc');
    assert.equal(name({ platform: 'darwin', arch: 'arm64' }), 'darwin-arm64');
  });

  it('without a package for the platform names it, the supported ones and the way to build', () => {
    const message = loadAs({ platform: 'aix', arch: 'ppc64' });
    assert.match(message, /has no binary for aix-ppc64/);
    for (const name of PLATFORMS) assert.ok(message.includes(name), name);
    assert.match(message, /npm run build/);
  });

  it("without the platform's package installed names the package and the way to install it", () => {
    const message = loadAs({ platform: 'linux', arch: 'arm64', glibc: '2.31' });
    assert.match(message, /@monocloud\/backend-node-linux-arm64-gnu is not installed/);
    assert.match(message, /--omit=optional/);
  });

  it('with a binary of another version names both, and the way out', async () => {
    const copy = join(folder, 'other-version');
    await cp(join(folder, 'main'), copy, { recursive: true });
    await cp(packed.binary, join(copy, 'npm', basename(packed.binary)));
    await writeFile(join(copy, 'package.json'), JSON.stringify({ ...manifest, version: '99.0.0' }));
    const { stdout } = run(
      copy,
      'try { require("./npm/native/load.js") } catch (error) { console.log(error.message) }',
    );
    assert.ok(stdout.startsWith(`@monocloud/backend-node is 99.0.0 and its binary is ${manifest.version}.`), stdout);
    assert.match(stdout, /npm install @monocloud\/backend-node/);
  });

  it('with a binary that does not load says what the system said', async () => {
    const target = join(folder, 'main', 'node_modules', '@monocloud', `backend-node-${platformName()}`);
    await cp(join(folder, 'platform'), target, { recursive: true });
    const binary = join(target, `monocloud-backend-node.${platformName()}.node`);
    await rm(binary);
    await copyFile(join(ROOT, 'LICENSE'), binary);
    const { stdout } = run(
      join(folder, 'main'),
      'try { require("./npm/native/load.js") } catch (error) { console.log(error.message) }',
    );
    assert.match(stdout, /could not load its binary for /);
    assert.ok(stdout.includes(basename(binary)), stdout);
  });
});

function run(cwd, script) {
  return spawnSync(process.execPath, ['-e', script], { cwd, encoding: 'utf8' });
}
