// Installs the dev dependencies when they are missing or older than the lockfile. Uses nothing but Node itself.

import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Runs a command to its end, in the open; ends this process with its status when that is not 0. */
export function run(command, args, { env = {} } = {}) {
  console.log(`\n> ${[command, ...args].join(' ').slice(0, 200)}`);
  const isShellNeeded = process.platform === 'win32' && command === 'npm';
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    shell: isShellNeeded,
    env: { ...process.env, ...env },
  });
  if (error) console.error(`${command} could not be started: ${error.code}`);
  if (status !== 0) process.exit(status ?? 1);
}

export function install() {
  const installed = join(root, 'node_modules', '.package-lock.json');
  const isCurrent =
    existsSync(installed) && statSync(installed).mtimeMs >= statSync(join(root, 'package-lock.json')).mtimeMs;
  // Not `npm ci`: where a mirror does not carry every platform's optional packages, the lockfile cannot name them, and it
  // refuses to install for that.
  if (!isCurrent) run('npm', ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund']);
}

export function build() {
  run(process.execPath, ['scripts/build.mjs']);
}
