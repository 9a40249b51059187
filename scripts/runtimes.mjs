// `npm run test:runtimes`: installs the packed tarballs in an empty folder of a machine without Rust, and runs the
// documents' examples with every supported runtime and tool. Prints a table; exits with 1 if one of them fails.
//
// Everything comes from the npm registry. `-- NAME …` runs only the rows whose names contain a NAME.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { AUDIENCE, startIssuer } from '../__test__/support/issuer.mjs';
import { pack } from './pack.mjs';
import { progress } from './progress.mjs';
import { PATH, installApp, installRuntimes, versionOf } from './runtimes/machine.mjs';
import { runApi, runToEnd } from './runtimes/processes.mjs';

const NODES = ['18', '20', '22', '24', 'latest'];
const AT_ONCE = 2;
const LIMIT_MS = 5 * 60_000;

const only = process.argv.slice(2);
const began = performance.now();
const folder = mkdtempSync(join(tmpdir(), 'monocloud-runtimes-'));
const issuer = await startIssuer();
try {
  process.exitCode = (await main()) ? 0 : 1;
} finally {
  await issuer.close();
  rmSync(folder, { recursive: true, force: true });
}

async function main() {
  const preparing = progress(3);
  preparing.step('packs the tarballs');
  const { main: shims, platform } = pack({ out: join(folder, 'packed') });
  preparing.step(`installs Node.js ${NODES.join(', ')}, Bun and Deno`);
  const runtimes = installRuntimes(join(folder, 'runtimes'), NODES);
  preparing.step('installs the tarballs, the frameworks and the tools');
  const app = installApp(join(folder, 'app'), [shims.file, platform.file]);
  preparing.end();
  console.log(`${shims.name} and ${platform.name}, installed without Rust on PATH, after ${seconds()} s\n`);

  const all = [
    ...Object.entries(runtimes).map(([name, command]) => runtimeRow(name, command)),
    ...toolRows(app, [shims, platform]),
  ];
  const rows = all.filter(({ name }) => only.length === 0 || only.some((part) => name.includes(part)));
  const context = contextOf(app);
  const queue = [...rows];
  const running = progress(rows.flatMap(({ cells }) => cells).length);
  await Promise.all(Array.from({ length: AT_ONCE }, () => drain(queue, context, running)));
  running.end();
  return rows.length > 0 && report(rows);
}

function runtimeRow(runtime, command) {
  const version = versionOf(command);
  const isNode = runtime.startsWith('node');
  // Fastify 5 needs Node 20; the package also supports Fastify 4.
  const fastify = isNode && Number.parseInt(version, 10) < 20 ? 'fastify-4' : 'fastify';
  return {
    name: `${isNode ? 'Node' : runtime} ${version}`,
    cells: [
      api('Express', [...command, 'express.mjs']),
      api('Express (require)', [...command, 'express.cjs']),
      api(fastify === 'fastify' ? 'Fastify' : 'Fastify 4', [...command, `${fastify}.mjs`]),
      toEnd('worker_threads', [...command, 'workers.mjs']),
      // Deno has no cluster that shares a port.
      ...(runtime === 'deno' ? [] : [api('cluster', [...command, 'cluster.mjs'])]),
      ...(isNode ? [] : [api(runtime === 'deno' ? 'Deno.serve' : 'Bun.serve', [...command, 'web.mjs'])]),
    ],
  };
}

function toolRows(app, packages) {
  const node = process.execPath;
  const bin = (name) => join(app, 'node_modules', '.bin', name);
  const bundler = (name) => ({
    name,
    cells: [toEnd('bundles', [node, 'bundle.mjs', name]), api('Express', [node, `bundle-${name}.cjs`])],
  });
  return [
    bundler('esbuild'),
    bundler('webpack'),
    {
      name: 'publint',
      cells: packages.map(({ name, file }) => toEnd(name, [bin('publint'), '--strict', file])),
    },
    { name: 'attw', cells: [toEnd(packages[0].name, [bin('attw'), packages[0].file])] },
    { name: 'tsx', cells: [api('Express (TypeScript)', [bin('tsx'), 'express.ts'])] },
    {
      name: 'Jest',
      cells: [
        toEnd('fake timers, spies, fetcher', [bin('jest')]),
        toEnd('testing kit', [bin('jest'), '--config', 'kit/jest.config.cjs']),
      ],
    },
    {
      name: 'Vitest',
      cells: [
        toEnd('fake timers, spies, fetcher', [bin('vitest'), 'run', 'vitest.test.mjs']),
        toEnd('testing kit', [bin('vitest'), 'run', '--root', 'kit']),
      ],
    },
    { name: 'node:test', cells: [toEnd('testing kit', [node, '--test', 'kit/kit.node.mjs'])] },
    { name: 'demo', cells: [toEnd('every row as expected', [node, 'demo/demo.mjs'])] },
    { name: 'npx', cells: [toEnd('doctor', ['npx', '--no', '@monocloud/backend-node', 'doctor'])] },
  ];
}

function api(name, command) {
  return { name, run: ({ options, questions }) => runApi(command, options, questions) };
}

function toEnd(name, command) {
  return { name, run: ({ options }) => runToEnd(command, options) };
}

/** The environment of every application, and the requests to its API. */
function contextOf(cwd) {
  const sign = (claims) => issuer.sign({ claims });
  const member = sign({ scope: 'data:read data:write', groups: ['engineering'] });
  const outsider = sign({ groups: ['sales'] });
  const opaque = issuer.opaque();
  const { TMPDIR, HOME } = process.env;
  return {
    options: {
      cwd,
      env: {
        PATH,
        HOME,
        TMPDIR,
        NO_PROXY: '*',
        MONOCLOUD_BACKEND_TENANT_DOMAIN: issuer.issuer,
        MONOCLOUD_BACKEND_AUDIENCE: AUDIENCE,
        MONOCLOUD_BACKEND_CLIENT_ID: 'api',
        MONOCLOUD_BACKEND_CLIENT_SECRET: 'secret',
        MEMBER: member,
        OPAQUE: opaque,
      },
    },
    questions: [
      ['/api/protected', undefined, 401],
      ['/api/protected', 'rubbish.rubbish.rubbish', 401],
      ['/api/protected', sign({ exp: 1 }), 401],
      ['/api/protected', outsider, 200],
      ['/api/protected', opaque, 200],
      ['/api/protected', 'never-issued', 401],
      ['/api/data', outsider, 403],
      ['/api/data', member, 200],
      ['/api/team', outsider, 403],
      ['/api/team', member, 200],
    ],
  };
}

/** Runs the rows, the cells of each in turn, until there are none left, or no time. */
async function drain(queue, context, running) {
  for (let row = queue.shift(); row; row = queue.shift()) {
    for (const cell of row.cells) {
      try {
        if (performance.now() - began > LIMIT_MS) throw new Error('no time was left');
        await cell.run(context);
      } catch (error) {
        cell.problem = error;
      }
      running.ended(`${row.name}, ${cell.name}${cell.problem ? ': FAILED' : ''}`);
    }
  }
}

function report(rows) {
  const width = Math.max(...rows.map(({ name }) => name.length));
  for (const { name, cells } of rows) {
    const told = cells.map((cell) => `${cell.problem ? '✖' : '✔'} ${cell.name}`);
    console.log(`${name.padEnd(width)}  ${told.join('  ')}`);
  }
  const failed = rows.flatMap(({ name, cells }) => cells.filter(({ problem }) => problem).map((cell) => [name, cell]));
  for (const [name, cell] of failed) console.error(`\n✖ ${name}, ${cell.name}: ${cell.problem.message}`);
  const count = rows.flatMap(({ cells }) => cells).length;
  console.log(`\n${count - failed.length} of ${count} passed, after ${seconds()} s`);
  return failed.length === 0;
}

function seconds() {
  return Math.round((performance.now() - began) / 1000);
}
