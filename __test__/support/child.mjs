// How does a test run code with another environment?
//
// Some variables are read once, when a process starts or a file is loaded. Those tests need a separate process.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const DEADLINE_MS = 30_000;
/** The package is found by its own name from here. */
const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

const INHERITED = ['PATH', 'HOME', 'SystemRoot', 'TMPDIR'];

/**
 * Runs `script` (the text of an ES module) in Node with only `env`; returns the one JSON value that it prints.
 * `deadline`: milliseconds, for a script that takes longer.
 */
export async function runScript(script, env = {}, { deadline = DEADLINE_MS } = {}) {
  const inherited = Object.fromEntries(INHERITED.map((name) => [name, process.env[name]]));
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: PROJECT,
    env: { ...inherited, ...env },
    timeout: deadline,
  });
  const [output, errors, code] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    }),
  ]);
  if (code !== 0) throw new Error(`the script ended with ${code}: ${errors}`);
  return JSON.parse(output);
}

async function textOf(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
