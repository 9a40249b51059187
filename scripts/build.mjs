// Builds the add-on for this machine and puts it beside the JavaScript files. `npm run build -- --debug` is faster.

import { spawnSync } from 'node:child_process';
import { copyFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { typesEnvironment } from './binding.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { platformName } = createRequire(import.meta.url)('../npm/native/platform.js');
const isDebug = process.argv.includes('--debug');

const LIBRARY =
  {
    darwin: 'libmonocloud_backend_node.dylib',
    win32: 'monocloud_backend_node.dll',
  }[process.platform] ?? 'libmonocloud_backend_node.so';

const { status, error } = spawnSync('cargo', ['build', '--lib', '--locked', ...(isDebug ? [] : ['--release'])], {
  cwd: root,
  stdio: 'inherit',
  // The compiler writes the types of the add-on as well, for scripts/binding.mjs.
  env: { ...process.env, ...typesEnvironment(isDebug ? 'debug' : 'release') },
});
if (error) console.error('The engine is written in Rust: install it from https://rustup.rs and try again.');
if (status !== 0) process.exit(status ?? 1);

const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target');
const built = join(target, isDebug ? 'debug' : 'release', LIBRARY);
const place = join(root, 'npm', `monocloud-backend-node.${platformName()}.node`);
// A process may have loaded the old file, so it is replaced by a new file and never overwritten.
rmSync(place, { force: true });
copyFileSync(built, place);
console.log(`built ${place}`);
