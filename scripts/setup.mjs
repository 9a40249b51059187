// Installs the dev dependencies if they are missing or older than the lockfile. Uses only Node itself.

import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Runs a command with visible output. Ends this process with its status if it is not 0. */
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
  // Not `npm ci`: if a mirror lacks the optional packages of a platform, the lockfile cannot name them, and `npm ci`
  // refuses to install.
  if (!isCurrent) run('npm', ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund']);
}

export function build() {
  run(process.execPath, ['scripts/build.mjs']);
}
