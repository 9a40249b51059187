/**
 * The JavaScript files agree with their types: the JSDoc comments, the public declarations, and the types of the add-on
 * (npm/native/binding.d.ts). TypeScript checks them with `strict`, as npm/tsconfig.json says.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NPM = join(ROOT, 'npm');
const PROJECTS = [NPM, join(NPM, 'doctor', 'ui')];
const MODULES = join(ROOT, 'node_modules', 'typescript');

/**
 * Files that have no types yet. Their errors do not count.
 *
 * @type {RegExp[]}
 */
const UNTYPED = [];

const { bin } = JSON.parse(await readFile(join(MODULES, 'package.json'), 'utf8'));

/** Runs TypeScript. Returns its exit code and what it printed. */
function tsc(...args) {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(MODULES, bin.tsc), ...args, '--pretty', 'false'],
      { cwd: ROOT },
      (error, stdout, stderr) => {
        resolve({ code: error ? (error.code ?? 1) : 0, output: stdout + stderr });
      },
    );
  });
}

/** Checks the files for Node, and those for the browser. */
async function outputsOf(...args) {
  const runs = await Promise.all(PROJECTS.map((project) => tsc('-p', project, ...args)));
  return { output: runs.map(({ output }) => output).join('\n') };
}

function isUntyped(path) {
  return UNTYPED.some((pattern) => pattern.test(path));
}

async function javaScriptFiles() {
  const files = await readdir(NPM, { recursive: true });
  return files.map((file) => file.replaceAll('\\', '/')).filter((file) => file.endsWith('.js'));
}

describe('the types of the JavaScript files', () => {
  let folder;
  before(async () => {
    // Below `target/`, which Git ignores.
    await mkdir(join(ROOT, 'target'), { recursive: true });
    folder = await mkdtemp(join(ROOT, 'target', 'check-js-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('have no errors', async () => {
    const { output } = await outputsOf();
    const errors = output.split('\n').filter((line) => /^\S/.test(line) && !isUntyped(line));
    assert.deepEqual(errors, []);
  });

  it('are checked in every file', async () => {
    const { output } = await outputsOf('--listFilesOnly');
    const checked = output.split('\n').map((path) => path.replaceAll('\\', '/'));
    const missing = (await javaScriptFiles()).filter((file) => !checked.some((path) => path.endsWith(`/npm/${file}`)));
    assert.deepEqual(missing, []);
  });

  it('are not switched off by a comment', async () => {
    for (const file of await javaScriptFiles()) {
      assert.doesNotMatch(await readFile(join(NPM, file), 'utf8'), /@ts-(?:nocheck|ignore|expect-error)/, file);
    }
  });

  it('a call of the add-on with an argument of the wrong type fails: these tests can', async () => {
    const { compilerOptions } = JSON.parse(
      (await readFile(join(NPM, 'tsconfig.json'), 'utf8')).replace(/^\s*\/\/.*$/gm, ''),
    );
    await writeFile(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions, include: ['*.js', '../../npm/native/*.d.ts'] }),
    );
    await writeFile(
      join(folder, 'broken.js'),
      "const native = require('../../npm/native/panic-guard.js');\n\nnative.decodeClaims(1);\n",
    );
    const { code, output } = await tsc('-p', folder);
    assert.notEqual(code, 0);
    assert.match(output, /broken\.js\(3,\d+\): error TS2345: Argument of type 'number'/);
  });
});
