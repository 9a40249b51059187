/**
 * The type declarations, compiled by TypeScript `strict` as in an application: every documented example, what must
 * compile and what must not. Each is compiled against the oldest and the newest supported Express and Fastify, as
 * CommonJS and as an ECMAScript module. The sources are in `types/`.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SOURCES = join(ROOT, '__test__', 'types');
const MODULES = join(ROOT, 'node_modules');

/** TypeScript's `bin`, run by this Node: no shell, no PATH. */
const { bin } = JSON.parse(await readFile(join(MODULES, 'typescript', 'package.json'), 'utf8'));
const TSC = join(MODULES, 'typescript', bin.tsc);

const KINDS = ['commonjs', 'module'];
const VERSIONS = ['oldest', 'newest'];

/** Below `target/`, which Git ignores, so that a consumer finds this repository's development dependencies. */
let nearby;
/** Outside the repository, where a consumer finds only what the test puts there. */
let remote;

before(async () => {
  await mkdir(join(ROOT, 'target'), { recursive: true });
  nearby = await mkdtemp(join(ROOT, 'target', 'types-'));
  remote = await mkdtemp(join(tmpdir(), 'monocloud-types-'));
});

after(async () => {
  await Promise.all([nearby, remote].map((folder) => rm(folder, { recursive: true, force: true })));
});

function compile(project) {
  return new Promise((resolve) => {
    execFile(process.execPath, [TSC, '-p', project, '--pretty', 'false'], (error, stdout, stderr) => {
      resolve({ code: error ? (error.code ?? 1) : 0, output: stdout + stderr });
    });
  });
}

async function compiles(project) {
  const { code, output } = await compile(project);
  assert.equal(code, 0, `tsc -p ${project}\n${output}`);
}

/** A project of one kind with copies of some sources, in its own folder. */
async function consumer(parent, { kind, sources, config }) {
  const folder = await mkdtemp(join(parent, `${kind}-`));
  for (const source of sources) {
    await cp(join(SOURCES, source), join(folder, source), { recursive: true });
  }
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, type: kind }));
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ include: ['./**/*'], ...config }));
  return folder;
}

/** The package as installed: its manifest and its declarations. */
async function installPackage(folder) {
  const target = join(folder, 'node_modules', '@monocloud', 'backend-node');
  await mkdir(target, { recursive: true });
  await cp(join(ROOT, 'package.json'), join(target, 'package.json'));
  await cp(join(ROOT, 'index.d.ts'), join(target, 'index.d.ts'));
  for (const file of await readdir(join(ROOT, 'npm'), { recursive: true })) {
    if (/\.d\.m?ts$/.test(file)) await cp(join(ROOT, 'npm', file), join(target, 'npm', file));
  }
}

async function linkModules(folder, names) {
  for (const name of names) {
    const link = join(folder, 'node_modules', name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(join(MODULES, name), link, 'junction');
  }
}

describe('types', { concurrency: availableParallelism() }, () => {
  for (const version of VERSIONS) {
    // At their original path the sources are CommonJS, and import the package by its own name.
    it(`${version} frameworks, commonjs: documented examples and contract compile`, () =>
      compiles(join(SOURCES, `tsconfig.${version}.json`)));

    it(`${version} frameworks, module: documented examples and contract compile`, async () => {
      const files = await readdir(SOURCES);
      const folder = await consumer(nearby, {
        kind: 'module',
        sources: ['examples', ...files.filter((file) => /\.m?ts$/.test(file))],
        config: { extends: join(SOURCES, `tsconfig.${version}.json`) },
      });
      await installPackage(folder);
      await compiles(folder);
    });

    for (const kind of KINDS) {
      it(`${version} frameworks, ${kind}: examples compile with declaration merging`, async () => {
        const folder = await consumer(nearby, {
          kind,
          sources: ['examples', 'augmented'],
          config: { extends: join(SOURCES, `tsconfig.${version}.json`) },
        });
        await installPackage(folder);
        await compiles(folder);
      });
    }
  }

  const isolated = {
    core: ['@types/node'],
    express: ['@types/node', '@types/express'],
    fastify: ['@types/node', 'fastify'],
    web: ['@types/node'],
    node: ['@types/node'],
    ws: ['@types/node'],
  };
  for (const [name, modules] of Object.entries(isolated)) {
    for (const kind of KINDS) {
      it(`isolated/${name}.ts compiles as ${kind} with nothing but ${modules.join(' and ')}`, async () => {
        const folder = await consumer(remote, {
          kind,
          sources: [join('isolated', `${name}.ts`)],
          config: { extends: join(SOURCES, 'tsconfig.base.json') },
        });
        await installPackage(folder);
        await linkModules(folder, modules);
        await compiles(folder);
      });
    }
  }

  for (const kind of KINDS) {
    it(`koa, ${kind}: the contract compiles`, async () => {
      const folder = await consumer(nearby, {
        kind,
        sources: ['koa/contract.ts'],
        config: {
          extends: join(SOURCES, 'tsconfig.newest.json'),
          // `@types/koa` does not compile with the types of `content-disposition` 2.
          compilerOptions: { skipLibCheck: true },
        },
      });
      await installPackage(folder);
      await compiles(folder);
    });
  }

  for (const kind of KINDS) {
    it(`nestjs, ${kind}: the contract compiles`, async () => {
      const folder = await consumer(nearby, {
        kind,
        sources: ['nestjs/contract.ts'],
        config: {
          extends: join(SOURCES, 'tsconfig.newest.json'),
          compilerOptions: {
            // NestJS 12 is an ES module. Only these modes let CommonJS require one.
            module: 'nodenext',
            moduleResolution: 'nodenext',
            skipLibCheck: true,
            experimentalDecorators: true,
            emitDecoratorMetadata: true,
          },
        },
      });
      await installPackage(folder);
      await compiles(folder);
    });
  }

  it('exactOptionalPropertyTypes accepts an undefined environment variable', async () => {
    const folder = await consumer(nearby, {
      kind: 'module',
      sources: ['contract.ts'],
      config: {
        extends: join(SOURCES, 'tsconfig.newest.json'),
        compilerOptions: { exactOptionalPropertyTypes: true, skipLibCheck: true },
      },
    });
    await installPackage(folder);
    await compiles(folder);
  });

  it('a deliberate error fails: these tests can', async () => {
    const folder = await consumer(nearby, {
      kind: 'commonjs',
      sources: ['broken'],
      config: { extends: join(SOURCES, 'tsconfig.newest.json') },
    });
    await installPackage(folder);
    const { code, output } = await compile(folder);
    assert.notEqual(code, 0);
    assert.match(output, /broken\.ts\(4,\d+\): error TS2322: Type 'string' is not assignable to type 'number'/);
    assert.equal(output.trim().split('\n').length, 1, output);
  });
});
