// npm's `install` script of the source tree: a clone, a git dependency, or a tarball of the repository. Builds the
// binary if it is missing and Rust is present. The published package has no scripts and never runs this.

import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);
const platform = require('../npm/native/platform.js').platformName();

if (!isThere()) build();

function isThere() {
  if (existsSync(join(root, 'npm', `monocloud-backend-node.${platform}.node`))) return true;
  try {
    return Boolean(require.resolve(`@monocloud/backend-node-${platform}`));
  } catch {
    return false;
  }
}

function build() {
  const hasSource = existsSync(join(root, 'Cargo.toml'));
  const hasRust = spawnSync('cargo', ['--version']).status === 0;
  if (hasSource && hasRust) {
    process.exitCode = spawnSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' }).status ?? 1;
    // A dependency is built once, so its half gigabyte of intermediate files is deleted.
    if (/[\\/]node_modules[\\/]/.test(root)) rmSync(join(root, 'target'), { recursive: true, force: true });
    return;
  }
  // Not an error: types and sources work without the binary, and the loader reports it when it is needed.
  console.warn(`@monocloud/backend-node: no binary for ${platform} and no Rust to build it with (https://rustup.rs).`);
}
