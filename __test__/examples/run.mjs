// How does a test run an example?
//
// As its README says: a copy of the folder alone, with only the packages of its package.json installed.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DEADLINE_MS = 30_000;

/** Copies an example and starts it: `{ url, port, folder, said, close }`. `variables` are without their prefix. */
export async function startExample(name, { variables, env }) {
  const folder = await mkdtemp(join(tmpdir(), `monocloud-example-${name}-`));
  await cp(join(ROOT, 'examples', name), folder, { recursive: true });
  const { dependencies } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  await install(folder, Object.keys(dependencies));
  return start(folder, { variables, env });
}

/** The same with the text of an ES module. */
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
