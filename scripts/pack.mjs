// `npm run pack`: makes the two tarballs that a user of this machine's platform gets, as they would be published.
//
// The main package contains the JavaScript files and, through `optionalDependencies`, one package per platform. It
// has no scripts, so an installation runs nothing and downloads nothing else. The platform's package contains the
// binary.
//
//     --out DIR       the target folder; default target/pack
//     --portable      builds the Linux binary with zig for an old glibc (see PORTABLE); otherwise packs the built one
//     --binary FILE   packs this binary
//     --platform NAME names another platform than this one's, with --binary

import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

import { progress } from './progress.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { PLATFORMS, platformName } = createRequire(import.meta.url)('../npm/native/platform.js');

export const MAX_BINARY_BYTES = 6_000_000;

/**
 * By platform: Rust's target, and the oldest glibc that it must run on. CentOS 7 has 2.17; later systems have newer
 * ones.
 */
const PORTABLE = {
  'linux-x64-gnu': { target: 'x86_64-unknown-linux-gnu', glibc: '2.17' },
  'linux-arm64-gnu': { target: 'aarch64-unknown-linux-gnu', glibc: '2.17' },
  'linux-x64-musl': { target: 'x86_64-unknown-linux-musl' },
  'linux-arm64-musl': { target: 'aarch64-unknown-linux-musl' },
};

/**
 * aws-lc without its AVX-512 code: 0.7 MB that only bulk encryption, XTS and RSA signing would use. Verification and
 * TLS use AVX2.
 */
const SMALLER = '-DMY_ASSEMBLER_IS_TOO_OLD_FOR_512AVX=1';

/**
 * Packs. Returns `{ main, platform }`, each `{ name, file, files, size, unpackedSize }` with `files` as the paths in
 * it, and the packed `binary`.
 */
export function pack({
  out = join(root, 'target', 'pack'),
  platform = platformName(),
  binary = join(root, 'npm', `monocloud-backend-node.${platform}.node`),
} = {}) {
  mkdirSync(out, { recursive: true });
  const stage = mkdtempSync(join(tmpdir(), 'monocloud-pack-'));
  try {
    return {
      main: npmPack(stageMain(join(stage, 'main')), out),
      platform: npmPack(stagePlatform(join(stage, 'platform'), platform, binary), out),
      binary,
    };
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

/**
 * The `files` of package.json, with a manifest for users. Leaves out what only an installation from source needs: a
 * binary built there and the script that builds it.
 */
function stageMain(folder) {
  const [{ files }] = npm(['pack', '--dry-run', '--json', '--ignore-scripts'], root);
  const isPublished = (path) => !/^scripts\/|\.node$/.test(path);
  for (const { path } of files.filter((file) => isPublished(file.path))) copyInto(folder, path, join(root, path));
  const { scripts: _scripts, devDependencies: _devDependencies, ...manifest } = readJson(join(root, 'package.json'));
  const optionalDependencies = Object.fromEntries(
    PLATFORMS.map((name) => [`${manifest.name}-${name}`, manifest.version]),
  );
  const published = { ...manifest, files: manifest.files.filter(isPublished), optionalDependencies };
  writeJson(join(folder, 'package.json'), published);
  return folder;
}

function stagePlatform(folder, platform, binary) {
  const source = join(root, 'npm', platform);
  const manifest = readJson(join(source, 'package.json'));
  writeJson(join(mkdir(folder), 'package.json'), manifest);
  copyInto(folder, 'README.md', join(source, 'README.md'));
  copyInto(folder, 'LICENSE', join(root, 'LICENSE'));
  copyInto(folder, manifest.main, binary);
  return folder;
}

function npmPack(folder, out) {
  const [{ name, filename, files, size, unpackedSize }] = npm(
    ['pack', '--json', '--ignore-scripts', '--pack-destination', out],
    folder,
  );
  return { name, file: join(out, filename), files: files.map(({ path }) => path), size, unpackedSize };
}

function npm(args, cwd) {
  const { status, stdout, stderr } = spawnSync('npm', args, {
    cwd,
    encoding: 'utf8',
    shell: process.platform === 'win32',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`npm ${args.join(' ')}: ${stderr}`);
  return JSON.parse(stdout);
}

/** Builds with cargo-zigbuild; returns the path of the binary. */
function buildPortable(platform) {
  const { target, glibc } = PORTABLE[platform] ?? {};
  if (!target) throw new Error(`--portable is for ${Object.keys(PORTABLE).join(', ')}`);
  const folder = process.env.CARGO_TARGET_DIR ?? join(root, 'target', 'portable');
  const wanted = glibc ? `${target}.${glibc}` : target;
  const { status } = spawnSync('cargo', ['zigbuild', '--lib', '--release', '--locked', '--target', wanted], {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      CARGO_TARGET_DIR: folder,
      [`CFLAGS_${target.replaceAll('-', '_')}`]: SMALLER,
      // A musl library that can be loaded must not be linked statically.
      ...(glibc ? {} : { RUSTFLAGS: '-C target-feature=-crt-static' }),
    },
  });
  if (status !== 0) {
    throw new Error(
      'The portable binary needs: pip install ziglang; cargo install --locked cargo-zigbuild; ' +
        `rustup target add ${target}`,
    );
  }
  return join(folder, target, 'release', 'libmonocloud_backend_node.so');
}

/** The newest glibc that a binary needs (`GLIBC_2.17` in its version table), or nothing. */
export function requiredGlibc(binary) {
  const names = readFileSync(binary, 'latin1').match(/(?<=\0GLIBC_)\d+\.\d+(?:\.\d+)?(?=\0)/g) ?? [];
  return names.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1);
}

function copyInto(folder, path, source) {
  mkdir(dirname(join(folder, path)));
  copyFileSync(source, join(folder, path));
}

function mkdir(folder) {
  mkdirSync(folder, { recursive: true });
  return folder;
}

const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));
const writeJson = (path, value) => writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);

function main() {
  const { values } = parseArgs({
    options: {
      out: { type: 'string' },
      portable: { type: 'boolean' },
      binary: { type: 'string' },
      platform: { type: 'string' },
    },
  });
  const platform = values.platform ?? platformName();
  const steps = progress(values.portable ? 2 : 1, { hasOutput: values.portable });
  if (values.portable) steps.step(`builds the binary for ${platform}, for some minutes`);
  const binary = values.portable ? buildPortable(platform) : values.binary;
  steps.step('packs the tarballs');
  const packed = pack({ out: values.out && resolve(values.out), platform, binary });
  steps.end();
  for (const { name, file, size, unpackedSize } of [packed.main, packed.platform]) {
    console.log(`${name}: ${file}, ${size} bytes, ${unpackedSize} unpacked`);
  }
  const { size } = statSync(packed.binary);
  const glibc = requiredGlibc(packed.binary);
  console.log(`binary: ${size} bytes, ${glibc ? `needs glibc ${glibc}` : 'needs no glibc'}`);
  const limit = values.portable && PORTABLE[platform].glibc;
  if (limit && glibc.localeCompare(limit, 'en', { numeric: true }) > 0) throw new Error(`more than glibc ${limit}`);
  if (size > MAX_BINARY_BYTES) {
    const message = `the binary is over ${MAX_BINARY_BYTES} bytes`;
    if (values.portable) throw new Error(message);
    console.warn(`warning: ${message}; a portable one is smaller`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main();
