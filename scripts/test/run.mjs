// Runs the parts one after the other, and returns their results.

import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { root } from '../setup.mjs';

/** Runs every part, so that one run shows all failures. Skips only parts that need a failed part. */
export async function runParts(parts, display) {
  const results = [];
  for (const [index, part] of parts.entries()) {
    const isBlocked = results.some(({ name, isGood }) => name === part.needs && !isGood);
    const title = `[${index + 1}/${parts.length}] ${part.name}`;
    results.push(isBlocked ? blocked(part) : await runPart(part, title, display));
  }
  return results;
}

function blocked({ name, needs }) {
  return { name, isGood: false, seconds: 0, note: `not run: ${needs} failed` };
}

async function runPart(part, title, display) {
  const { name, command, env = {} } = part;
  const reader = part.reader();
  const streams = streamsOf(part, display);
  const args = streams ? part.args(streams) : part.args;
  const began = performance.now();
  display.begin(title, [command, ...args].join(' '));
  const status = await toEnd(command, args, env, (line) => {
    const progress = streams?.isResultsFile ? undefined : reader.read(line);
    display.line(line, progress);
  });
  if (streams?.isResultsFile) for (const line of linesOf(streams.results)) reader.read(line);
  const result = { ...reader.result(), name, seconds: (performance.now() - began) / 1000, isGood: status === 0 };
  display.end(title, result);
  return result;
}

/** One of the two reports of node:test goes to the display, the other into a file. */
function streamsOf({ folder, name }, { isLive }) {
  if (!folder) return undefined;
  mkdirSync(folder, { recursive: true });
  const file = (ending) => join(folder, `${name.replaceAll(' ', '-')}.${ending}`);
  return isLive
    ? { tap: file('tap'), results: 'stdout', isResultsFile: false }
    : { tap: 'stdout', results: file('jsonl'), isResultsFile: true };
}

/** The exit status; 1 if the command could not be started or was ended by a signal. */
function toEnd(command, args, env, onLine) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', onLine);
    child.once('error', ({ code }) => {
      onLine(`${command} could not be started: ${code}`);
      resolve(1);
    });
    child.once('close', (status) => resolve(status ?? 1));
  });
}

function linesOf(path) {
  try {
    return readFileSync(path, 'utf8').split('\n');
  } catch {
    return [];
  }
}
