// How are the servers installed?
//
// Debian packages into the system, as root, or only unpacked. What is unpacked, and the packages of PyPI and npm, are
// below `target/issuers`, where the next run finds them. A server that cannot be installed is skipped: installing
// throws `CannotInstall` with the reason.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

import { root } from '../setup.mjs';

const INSTALL_MS = 5 * 60_000;
const MAX_SAID = 300;
/** While this file exists and exits with 101, Debian's packages start no services. */
const POLICY = '/usr/sbin/policy-rc.d';

const execute = promisify(execFile);
let updated;
/** That of the installers, which may need a proxy. */
let env;

export class CannotInstall extends Error {}

/**
 * Installs `{ apt, unpack, pip, npm }`: lists of packages, in the syntax of each tool. `lock` is a folder with `package.json`
 * and `package-lock.json`, instead of `npm`. Returns `{ root, env, python, modules }`: the folder into which Debian packages were unpacked, and the environment for their commands; the
 * interpreter that finds the packages of PyPI; the folder whose `node_modules` has those of npm.
 *
 * Unpack what would otherwise create users, services or databases: no script of the packages runs.
 */
export async function install({ apt = [], unpack = [], pip = [], npm = [], lock }, environment = process.env) {
  env = environment;
  try {
    return await installed({ apt, unpack, pip, npm, lock });
  } catch (error) {
    // Also what the file system refuses.
    throw error instanceof CannotInstall ? error : new CannotInstall(error.message);
  }
}

async function installed({ apt, unpack, pip, npm, lock }) {
  await installDebian([...apt, ...(pip.length > 0 ? await missingForPython() : [])]);
  return {
    ...(unpack.length > 0 && (await unpackDebian(unpack))),
    ...(pip.length > 0 && { python: await installPython(pip) }),
    ...(npm.length > 0 && { modules: await installNode(npm) }),
    ...(lock && { modules: await installLocked(lock) }),
  };
}

/** The version of an installed Debian package, without epoch and revision. */
export async function debianVersion(name) {
  const version = await installedVersion(name);
  return version?.replace(/^\d+:/, '').replace(/[-+~].*$/, '');
}

async function installDebian(names) {
  const missing = [];
  for (const name of names) if (!(await installedVersion(name))) missing.push(name);
  if (missing.length === 0) return;

  const sudo = await update();
  const hasPolicy = existsSync(POLICY);
  if (!hasPolicy)
    await command(sudo, ['sh', '-c', `printf '#!/bin/sh\\nexit 101\\n' >${POLICY} && chmod 755 ${POLICY}`]);
  try {
    const options = ['-y', '-qq', '--no-install-recommends', '--no-remove', '-o', 'DPkg::Lock::Timeout=120'];
    await command(sudo, ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', 'install', ...options, ...missing]);
  } finally {
    if (!hasPolicy) await command(sudo, ['rm', '-f', POLICY]);
  }
}

/** Unpacks the packages, and what they depend on and this machine lacks. */
async function unpackDebian(names) {
  let root;
  try {
    root = await unpacked(names);
  } catch {
    // There are no lists of packages yet, or they are old.
    await update();
    root = await unpacked(names);
  }
  const library = readdirSync(join(root, 'usr', 'lib')).find((name) => name.includes('-linux-'));
  return {
    root,
    env: {
      PATH: [join(root, 'usr', 'bin'), process.env.PATH].join(delimiter),
      LD_LIBRARY_PATH: join(root, 'usr', 'lib', library ?? ''),
    },
  };
}

async function unpacked(names) {
  const plan = await command([], ['apt-get', 'install', '-s', '-y', '--no-install-recommends', ...names]);
  const missing = [...plan.matchAll(/^Inst (\S+)/gm)].map(([, name]) => name);
  return once('deb', [...new Set([...names, ...missing])], async (path) => {
    const archives = join(path, 'archives');
    mkdirSync(archives, { recursive: true });
    await command([], ['apt-get', 'download', '-qq', ...new Set([...names, ...missing])], { cwd: archives });
    for (const file of readdirSync(archives)) await command([], ['dpkg-deb', '-x', join(archives, file), path]);
  });
}

/** Gets the lists of packages, once per run; returns the words in front of a command that needs root. */
async function update() {
  const sudo = await privilege();
  updated ??= command(sudo, ['apt-get', 'update', '-qq']);
  await updated;
  return sudo;
}

/** Root, or in CI a `sudo` that asks for no password. On a developer's machine, nothing is installed by `sudo`. */
async function privilege() {
  if (!existsSync('/usr/bin/apt-get')) throw new CannotInstall('this machine has no apt-get');
  if (process.getuid() === 0) return [];
  if (!process.env.CI) throw new CannotInstall('needs root, to install Debian packages');
  await command([], ['sudo', '-n', 'true']);
  return ['sudo', '-n'];
}

async function installedVersion(name) {
  try {
    const { stdout } = await execute('dpkg-query', ['-W', '-f', '${db:Status-Status} ${Version}', name]);
    const [status, version] = stdout.split(' ');
    return status === 'installed' ? version : undefined;
  } catch {
    return undefined;
  }
}

/** Debian's Python has no `ensurepip` without this package. */
async function missingForPython() {
  try {
    await execute('python3', ['-c', 'import ensurepip, venv']);
    return [];
  } catch {
    return ['python3', 'python3-venv'];
  }
}

async function installPython(names) {
  const folder = await once('pip', names, async (path) => {
    await command([], ['python3', '-m', 'venv', path]);
    const pip = [join(path, 'bin', 'python'), '-m', 'pip'];
    await command(pip, ['install', '--quiet', '--disable-pip-version-check', '--no-input', ...names]);
  });
  return join(folder, 'bin', 'python');
}

function installNode(names) {
  return once('npm', names, async (path) => {
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'package.json'), '{ "private": true, "type": "module" }\n');
    const options = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
    await command([], ['npm', 'install', ...options, ...names], { cwd: path });
  });
}

/** The versions of a lockfile, without the install scripts of the packages. */
function installLocked(folder) {
  const files = ['package.json', 'package-lock.json'];
  const texts = files.map((file) => readFileSync(join(folder, file), 'utf8'));
  return once('npm', texts, async (path) => {
    mkdirSync(path, { recursive: true });
    files.forEach((file, index) => writeFileSync(join(path, file), texts[index]));
    const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
    await command([], ['npm', 'ci', ...options], { cwd: path });
  });
}

/** Makes the folder of these packages, unless an earlier run has finished it. */
async function once(kind, names, make) {
  const hash = createHash('sha256')
    .update(JSON.stringify([kind, names, process.version]))
    .digest('hex');
  const path = join(root, 'target', 'issuers', `${kind}-${hash.slice(0, 12)}`);
  const done = join(path, '.done');
  if (!existsSync(done)) {
    rmSync(path, { recursive: true, force: true });
    try {
      await make(path);
    } catch (error) {
      rmSync(path, { recursive: true, force: true });
      throw error;
    }
    writeFileSync(done, `${names.join('\n')}\n`);
  }
  return path;
}

async function command(prefix, args, { cwd } = {}) {
  const [file, ...rest] = [...prefix, ...args];
  try {
    const { stdout } = await execute(file, rest, { cwd, env, timeout: INSTALL_MS, maxBuffer: 2 ** 26 });
    return stdout;
  } catch (error) {
    const said = (error.stderr || error.stdout || error.message).trim().split('\n').at(-1);
    throw new CannotInstall(`${[file, ...rest].join(' ').slice(0, 80)}: ${said.slice(0, MAX_SAID)}`);
  }
}
