/**
 * Does the loader work where Node.js or a bundler limits it: the permission model, disabled add-ons, a file that a
 * bundler replaced, a damaged or missing binary? Each case is a separate process with an installed copy of the
 * package.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, readFile, realpath, rm, truncate, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { describeWhere } from '../support/suite.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const { PLATFORMS, platformName } = createRequire(import.meta.url)('../../npm/native/platform.js');
const NAME = platformName();
const BINARY = `monocloud-backend-node.${NAME}.node`;

/** Node 20 knows only the first name of the flag; Node 24 knows both. */
const PERMISSION = ['--permission', '--experimental-permission'].find((flag) =>
  process.allowedNodeEnvironmentFlags.has(flag),
);

const CONSTRUCT = `
  const { MonoCloudBackendNodeClient } = require('@monocloud/backend-node');
  new MonoCloudBackendNodeClient({ tenantDomain: 'https://issuer.example', audience: 'https://api.example' });
  console.log('constructed');
`;
const LOAD = `try { require('@monocloud/backend-node'); console.log('loaded'); } catch (error) { console.log(error.message); }`;

let app;
let platform;

before(async () => {
  // The permission model compares real paths.
  app = await realpath(await mkdtemp(join(tmpdir(), 'monocloud-loader-')));
  const modules = join(app, 'node_modules', '@monocloud');
  const isShim = (path) => !path.endsWith('.node');
  await cp(join(ROOT, 'npm'), join(modules, 'backend-node', 'npm'), { recursive: true, filter: isShim });
  await cp(join(ROOT, 'package.json'), join(modules, 'backend-node', 'package.json'));
  platform = join(modules, `backend-node-${NAME}`);
  await cp(join(ROOT, 'npm', NAME), platform, { recursive: true });
  await cp(join(ROOT, 'npm', BINARY), join(platform, BINARY));
});
after(() => rm(app, { recursive: true, force: true }));

/** The output of a script that runs in the application's folder with these flags. */
async function run(script, flags = [], env = {}) {
  const file = join(app, 'app.cjs');
  await writeFile(file, script);
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, file], {
    cwd: app,
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  return stdout.trim() || stderr;
}

describeWhere(
  !PERMISSION && `Node ${process.versions.node} has no permission model`,
  'under the permission model',
  () => {
    const mayRead = (folder) => `--allow-fs-read=${folder}/*`;

    it('a client is constructed where nothing but the application may be read', async () => {
      assert.equal(await run(CONSTRUCT, [PERMISSION, mayRead(app), '--allow-addons']), 'constructed');
    });

    it('a file of authorities that may not be read is passed over', async () => {
      const env = { NODE_EXTRA_CA_CERTS: '/etc/ssl/certs/ca-certificates.crt' };
      assert.equal(await run(CONSTRUCT, [PERMISSION, mayRead(app), '--allow-addons'], env), 'constructed');
    });

    it('without --allow-addons the error names the flag', async () => {
      const message = await run(LOAD, [PERMISSION, mayRead(app)]);
      assert.match(message, /add --allow-addons/);
      assert.doesNotMatch(message, /rustup/);
    });

    // Before Node 22 the permission model does not apply to `require`.
    const skip = Number.parseInt(process.versions.node, 10) < 22 && 'this Node lets `require` read everything';
    it("where the platform's package may not be read the error names --allow-fs-read", { skip }, async () => {
      const main = join(app, 'node_modules', '@monocloud', 'backend-node');
      const flags = [PERMISSION, mayRead(main), `--allow-fs-read=${join(app, 'app.cjs')}`, '--allow-addons'];
      assert.match(await run(LOAD, flags), /--allow-fs-read/);
    });
  },
);

describe('without add-ons', () => {
  it('by --no-addons, as a flag or in NODE_OPTIONS, the error names the flag', async () => {
    for (const message of [await run(LOAD, ['--no-addons']), await run(LOAD, [], { NODE_OPTIONS: '--no-addons' })]) {
      assert.match(message, /^@monocloud\/backend-node is a native add-on/);
      assert.match(message, /Start Node\.js without --no-addons/);
    }
  });
});

describe('a file that may not be asked about', () => {
  /** Loads with the file system and the report of another machine. */
  const loadWith = (setup) =>
    run(`${setup}\nconsole.log(require('@monocloud/backend-node/npm/native/platform.js').platformName());`);
  const THROWS = `require('node:fs').existsSync = () => { throw Object.assign(new Error('denied'), { code: 'ERR_ACCESS_DENIED' }); };`;
  const linux = (report) => `
    for (const [name, value] of [['platform', 'linux'], ['arch', 'x64']]) Object.defineProperty(process, name, { value });
    process.report.getReport = ${report};
  `;

  // `exports` of package.json hides the file.
  before(() => rewriteManifest({ exports: undefined }));
  after(() => cp(join(ROOT, 'package.json'), join(app, 'node_modules', '@monocloud', 'backend-node', 'package.json')));

  it('leaves the C library to the report', async () => {
    const glibc = linux(
      `() => ({ header: { glibcVersionRuntime: '2.36' }, sharedObjects: ['/lib/libc.musl-x86_64.so.1'] })`,
    );
    assert.equal(await loadWith(THROWS + glibc), 'linux-x64-gnu');
    const musl = linux(`() => ({ header: {}, sharedObjects: ['/lib/ld-musl-x86_64.so.1'] })`);
    assert.equal(await loadWith(THROWS + musl), 'linux-x64-musl');
  });

  it('and a report that throws as well: glibc, which most machines have', async () => {
    assert.equal(await loadWith(THROWS + linux(`() => { throw new Error('denied'); }`)), 'linux-x64-gnu');
  });

  it('a report that throws, beside a sign of musl: musl', async () => {
    const alpine = `require('node:fs').existsSync = (path) => path === '/etc/alpine-release';`;
    assert.equal(await loadWith(alpine + linux(`() => { throw new Error('denied'); }`)), 'linux-x64-musl');
    assert.equal(await loadWith(alpine + linux(`undefined`)), 'linux-x64-musl');
  });

  async function rewriteManifest(changes) {
    const file = join(app, 'node_modules', '@monocloud', 'backend-node', 'package.json');
    await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), ...changes }));
  }
});

describe('a file that a bundler replaced', () => {
  const REPLACEMENTS = [
    ["a path (esbuild's file loader)", `'./monocloud-backend-node-5XKQ.node'`, /got a text/],
    ["a module with a URL (file-loader, Vite's ?url)", `{ __esModule: true, default: '/assets/x.node' }`, /got a text/],
    ['a data URL', `'data:application/octet-stream;base64,f0VMRg'`, /got a text/],
    ['its bytes', `new Uint8Array([127, 69, 76, 70])`, /got the bytes of a file/],
    ['its bytes as a default export', `{ default: Buffer.from('ELF') }`, /got the bytes of a file/],
    ['an empty module', `{}`, /got an empty module/],
    ['nothing', `null`, /got an empty module/],
  ];
  for (const [what, value, message] of REPLACEMENTS) {
    it(`with ${what} is told from another version, and the error says how to bundle`, async () => {
      const said = await run(`require.extensions['.node'] = (module) => { module.exports = ${value}; };\n${LOAD}`);
      assert.match(said, message);
      assert.match(said, /--external:@monocloud\/backend-node/);
      assert.match(said, /--loader:\.node=copy/);
      assert.doesNotMatch(said, /another version|f0VMRg|5XKQ/);
    });
  }

  it('is not an add-on of another version: that one is named as such', async () => {
    const said = await run(`require.extensions['.node'] = (module) => { module.exports = { decide() {} }; };\n${LOAD}`);
    assert.match(said, /its binary is another version/);
  });
});

describe('a binary', () => {
  it('that was cut off is reported with what the system said, and the way to install again', async () => {
    const file = join(platform, BINARY);
    // A file cut after its headers would end the process with SIGBUS in the system's loader, before an error is
    // possible.
    await truncate(file, 40);
    const cut = await run(LOAD);
    await truncate(file, 0);
    const empty = await run(LOAD);
    await cp(join(ROOT, 'npm', BINARY), file);
    assert.equal(await run(LOAD), 'loaded');
    for (const message of [cut, empty]) {
      assert.match(message, /could not load its binary for /);
      assert.ok(message.includes(BINARY), message);
      assert.match(message, /install again on this machine/);
    }
  });

  it('built in the folder of the shims, and damaged, is reported alike', async () => {
    const local = join(app, 'node_modules', '@monocloud', 'backend-node', 'npm', BINARY);
    await writeFile(local, 'not a binary');
    const message = await run(LOAD);
    await rm(local);
    assert.match(message, /^@monocloud\/backend-node could not load its binary for /);
  });

  it("that a tool left out of the platform's package is not reported as a package that is not installed", async () => {
    const file = join(platform, BINARY);
    await rm(file);
    const message = await run(LOAD);
    await cp(join(ROOT, 'npm', BINARY), file);
    assert.match(message, /is installed without its \.node file/);
    assert.doesNotMatch(message, /is not installed/);
  });
});

describe('a platform without a package', () => {
  const OTHERS = [
    ['freebsd', 'x64', 'freebsd-x64'],
    ['openbsd', 'arm64', 'openbsd-arm64'],
    ['android', 'arm64', 'android-arm64'],
    ['sunos', 'x64', 'sunos-x64'],
    ['aix', 'ppc64', 'aix-ppc64'],
    ['linux', 'arm', 'linux-arm-gnu'],
    ['linux', 's390x', 'linux-s390x-gnu'],
    ['linux', 'ppc64', 'linux-ppc64-gnu'],
    ['linux', 'riscv64', 'linux-riscv64-gnu'],
    ['linux', 'ia32', 'linux-ia32-gnu'],
    ['win32', 'ia32', 'win32-ia32-msvc'],
    ['haiku', 'x64', 'haiku-x64'],
  ];
  for (const [os, arch, name] of OTHERS) {
    it(`${name} is named, with the supported ones and the way to build`, async () => {
      const message = await run(`
        Object.defineProperty(process, 'platform', { value: '${os}' });
        Object.defineProperty(process, 'arch', { value: '${arch}' });
        process.report.getReport = () => ({ header: { glibcVersionRuntime: '2.36' } });
        ${LOAD}
      `);
      assert.ok(message.includes(`has no binary for ${name}.`), message);
      for (const supported of PLATFORMS) assert.ok(message.includes(supported), supported);
      assert.match(message, /npm run build/);
    });
  }
});
