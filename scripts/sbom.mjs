// `npm run sbom -- [FILE]`: lists the contents of the package, as CycloneDX 1.6: the crates that are linked into the
// add-on, with licence, checksum and dependencies. There are no JavaScript dependencies. The default FILE is
// target/sbom.cdx.json; `-` is the standard output. The same sources give the same document.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { root } from './setup.mjs';

/** The published platforms. */
const TRIPLES = [
  ...['gnu', 'musl'].flatMap((libc) => [`x86_64-unknown-linux-${libc}`, `aarch64-unknown-linux-${libc}`]),
  'x86_64-apple-darwin',
  'aarch64-apple-darwin',
  'x86_64-pc-windows-msvc',
  'aarch64-pc-windows-msvc',
];

const read = (name) => readFileSync(join(root, name), 'utf8');
const manifest = JSON.parse(read('package.json'));
const crates = linkedCrates();
const packages = shippedPackages(JSON.parse(read('package-lock.json')));
const document = JSON.stringify(billOf(crates, packages), null, 2);

const [file = join('target', 'sbom.cdx.json')] = process.argv.slice(2);
if (file === '-') {
  console.log(document);
} else {
  const path = resolve(root, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${document}\n`);
  console.log(`${path}: ${crates.length} crates, ${packages.length} JavaScript packages`);
}

function cargo(...args) {
  const options = { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 28, stdio: ['ignore', 'pipe', 'inherit'] };
  const { status, stdout, error } = spawnSync('cargo', [...args, '--locked'], options);
  if (error || status !== 0) process.exit(status ?? 1);
  return stdout;
}

/** Name and version of each crate that is linked on a platform, without crates that run only during the build. */
function linkedOn(triple) {
  const tree = cargo(
    'tree',
    '--edges',
    'normal,no-proc-macro',
    '--target',
    triple,
    '--prefix',
    'none',
    '--format',
    '{p}',
  );
  return [...tree.matchAll(/^(\S+) v(\S+)/gm)].map(([, name, version]) => `${name} ${version}`);
}

function linkedCrates() {
  const {
    packages: all,
    resolve: { nodes, root: own },
  } = JSON.parse(cargo('metadata', '--format-version', '1'));
  const linked = new Set(TRIPLES.flatMap(linkedOn));
  const checksums = checksumsOf(read('Cargo.lock'));
  const nameOf = ({ name, version }) => `${name} ${version}`;
  const byId = new Map(all.filter((crate) => linked.has(nameOf(crate))).map((crate) => [crate.id, crate]));
  return nodes
    .filter(({ id }) => byId.has(id))
    .map(({ id, deps }) => {
      const { name, version, license, repository } = byId.get(id);
      const isLinked = ({ pkg, dep_kinds: kinds }) => byId.has(pkg) && kinds.some(({ kind }) => kind === null);
      const needs = deps.filter(isLinked).map(({ pkg }) => refOf(byId.get(pkg)));
      return {
        name,
        version,
        license,
        repository,
        needs,
        isOwn: id === own,
        checksum: checksums.get(nameOf(byId.get(id))),
      };
    })
    .sort((a, b) => (refOf(a) < refOf(b) ? -1 : 1));
}

function refOf({ name, version }) {
  return `pkg:cargo/${name}@${version}`;
}

function checksumsOf(lock) {
  const entries = lock.matchAll(/name = "([^"]+)"\nversion = "([^"]+)"\nsource = [^\n]+\nchecksum = "([0-9a-f]{64})"/g);
  return new Map([...entries].map(([, name, version, checksum]) => [`${name} ${version}`, checksum]));
}

/** The packages that `npm install` of the package adds besides its own add-ons. */
function shippedPackages({ packages: all }) {
  return Object.entries(all)
    .map(([path, entry]) => ({ ...entry, name: path.replace(/^node_modules\//, ''), isRoot: path === '' }))
    .filter(({ isRoot, dev, devOptional, peer, link }) => !isRoot && !dev && !devOptional && !peer && !link)
    .filter(({ name }) => !name.startsWith(`${manifest.name}-`));
}

function billOf(linked, shipped) {
  const own = { type: 'library', 'bom-ref': npmRef(manifest) };
  const bill = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      component: {
        ...own,
        name: manifest.name,
        version: manifest.version,
        purl: own['bom-ref'],
        licenses: [{ expression: manifest.license }],
      },
    },
    components: [...linked.filter(({ isOwn }) => !isOwn).map(crateComponent), ...shipped.map(packageComponent)],
    dependencies: [
      { ref: own['bom-ref'], dependsOn: [...linked.find(({ isOwn }) => isOwn).needs, ...shipped.map(npmRef)].sort() },
      ...linked
        .filter(({ isOwn }) => !isOwn)
        .map((crate) => ({ ref: refOf(crate), dependsOn: [...crate.needs].sort() })),
    ],
  };
  // A name from the content: no clock, no random number.
  const digest = createHash('sha256').update(JSON.stringify(bill)).digest('hex');
  const uuid = [
    digest.slice(0, 8),
    digest.slice(8, 12),
    `8${digest.slice(13, 16)}`,
    `8${digest.slice(17, 20)}`,
    digest.slice(20, 32),
  ];
  return { ...bill, serialNumber: `urn:uuid:${uuid.join('-')}` };
}

function crateComponent(crate) {
  return {
    type: 'library',
    'bom-ref': refOf(crate),
    name: crate.name,
    version: crate.version,
    purl: refOf(crate),
    // Some crates write `/` for OR.
    ...(crate.license && { licenses: [{ expression: crate.license.replaceAll('/', ' OR ') }] }),
    ...(crate.checksum && { hashes: [{ alg: 'SHA-256', content: crate.checksum }] }),
    ...(crate.repository && { externalReferences: [{ type: 'vcs', url: crate.repository }] }),
  };
}

function npmRef({ name, version }) {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`;
}

function packageComponent(shipped) {
  const { name, version, license, integrity = '' } = shipped;
  const [algorithm, content] = integrity.split('-');
  return {
    type: 'library',
    'bom-ref': npmRef(shipped),
    name,
    version,
    purl: npmRef(shipped),
    ...(license && { licenses: [{ expression: license }] }),
    ...(algorithm === 'sha512' && {
      hashes: [{ alg: 'SHA-512', content: Buffer.from(content, 'base64').toString('hex') }],
    }),
  };
}
