// How does a test run an example?
//
// As its README says: a copy of the folder alone, with only the packages of its package.json installed.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DEADLINE_MS = 30_000;

/** Copies an example and starts it: `{ url, port, folder, said, close }`. `variables` are without their prefix. */
export async function startExample(name, { variables, env }) {
  return start(await copyOf(name), { variables, env });
}

/**
 * Copies an example and imports one file of it in this process: `{ module, close }`. For functions that a framework or a
 * cloud calls. Packages that are not installed here are left out, because only the framework itself needs them.
 */
export async function importExample(name, file, { variables }) {
  const folder = await copyOf(name);
  const names = Object.keys(process.env).filter((variable) => variable.startsWith('MONOCLOUD_BACKEND_'));
  const before = names.map((variable) => [variable, process.env[variable]]);
  for (const variable of names) delete process.env[variable];
  const added = Object.entries(variables).map(([variable, value]) => [`MONOCLOUD_BACKEND_${variable}`, value]);
  Object.assign(process.env, Object.fromEntries(added), { NO_PROXY: '*' });
  const close = async () => {
    for (const [variable] of added) delete process.env[variable];
    Object.assign(process.env, Object.fromEntries(before));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    return { module: await import(pathToFileURL(join(folder, file)).href), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function copyOf(name) {
  const folder = await mkdtemp(join(tmpdir(), `monocloud-example-${name}-`));
  await cp(join(ROOT, 'examples', name), folder, { recursive: true });
  const { dependencies } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  await install(folder, Object.keys(dependencies));
  return folder;
}

/** Starts the text of an ES module. */
export async function startSource(source, { dependencies, variables, env }) {
  const folder = await mkdtemp(join(tmpdir(), 'monocloud-example-source-'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  await writeFile(join(folder, 'server.js'), source);
  await install(folder, dependencies);
  return start(folder, { variables, env });
}

/** Links packages from this repository, and the package itself by its own name. */
async function install(folder, names) {
  for (const name of names) {
    const target = name === '@monocloud/backend-node' ? ROOT : join(ROOT, 'node_modules', name);
    const link = join(folder, 'node_modules', name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(target, link, 'junction');
  }
}

async function start(folder, { variables, env = {} }) {
  const { PATH, HOME } = process.env;
  const settings = Object.entries(variables).map(([variable, value]) => [`MONOCLOUD_BACKEND_${variable}`, value]);
  const child = spawn(process.execPath, ['server.js'], {
    cwd: folder,
    env: { PATH, HOME, PORT: '0', NO_PROXY: '*', ...Object.fromEntries(settings), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => said.push(String(chunk)));
  const ended = once(child, 'close');
  const close = async () => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS);
    await ended;
    clearTimeout(timer);
    await rm(folder, { recursive: true, force: true });
  };
  const port = await Promise.race([portOf(child), ended.then(() => undefined)]);
  if (!port) {
    await close();
    throw new Error(`the application never listened: ${said.join('')}`);
  }
  return { url: `http://127.0.0.1:${port}`, port, folder, said, close };
}

async function portOf(child) {
  for await (const line of createInterface({ input: child.stdout })) {
    const [, port] = /^listening (\d+)$/.exec(line) ?? [];
    if (port) return Number(port);
  }
  return undefined;
}
