// How does one server run: installed, started, checked, ended?

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { display } from '../test/progress.mjs';
import { checksOf } from './checks.mjs';
import { CannotInstall, install } from './install.mjs';
import { EndedEarly, end, freePort, launch, ready, run } from './processes.mjs';

/** A port can be taken between its choice and the start of the server. */
const STARTS = 2;

/** The scratch folders that exist. */
const folders = new Set();

process.on('exit', () => folders.forEach(remove));

/**
 * Runs the servers one after the other. Returns a row for each: `{ title, skipped, version, seconds, results }`.
 * `environment` is that of the installers, which may need a proxy. `checks` makes the checks of a running server.
 */
export async function runServers(servers, { environment = process.env, screen = display(), checks = checksOf } = {}) {
  const rows = [];
  for (const server of servers) rows.push(await runServer(server, { screen, environment, checks }));
  return rows;
}

async function runServer(server, { screen, environment, checks }) {
  const began = performance.now();
  const row = { title: server.title, results: [], notes: [] };
  const line = (text) => screen.line(text, text);
  screen.begin(server.title, server.name);
  const [children, own] = [[], []];
  try {
    const installed = await install(server.packages, environment);
    row.installSeconds = secondsSince(began);
    line(`installed after ${row.installSeconds.toFixed(1)} s`);
    const running = await started(server, { installed, children, own, line, row });
    await check(checks(running), row, line);
    await running.stop?.();
  } catch (error) {
    if (error instanceof CannotInstall) row.skipped = error.message;
    else row.results.push({ column: 'start', name: 'starts', problem: error });
    line(row.skipped ? `skipped: ${row.skipped}` : `FAILED: ${firstLine(error)}`);
  } finally {
    await Promise.all(children.map(end));
    own.forEach(remove);
  }
  row.seconds = secondsSince(began);
  screen.end(row.skipped ? `${server.title}, skipped` : server.title, {
    isGood: row.results.every(({ problem }) => !problem),
    seconds: row.seconds,
  });
  return row;
}

/** Starts the server; returns what its `start()` returns. */
async function started(server, { installed, children, own, line, row }) {
  for (let attempt = 1; ; attempt += 1) {
    const began = performance.now();
    const folder = mkdtempSync(join(tmpdir(), 'monocloud-issuers-'));
    folders.add(folder);
    own.push(folder);
    try {
      const running = await server.start({ ...installed, ...(await contextOf(folder, children)) });
      Object.assign(row, { version: running.version, clients: running.clients, startSeconds: secondsSince(began) });
      row.notes.push(...(running.notes ?? []));
      line(`started after ${row.startSeconds.toFixed(1)} s: version ${row.version}, ${running.issuer}`);
      return running;
    } catch (error) {
      await Promise.all(children.splice(0).map(end));
      if (attempt === STARTS || !(error instanceof EndedEarly)) throw error;
      line(`did not start, is tried again: ${firstLine(error)}`);
    }
  }
}

/** What a server needs to start. Its processes see nothing of this process's environment but these variables. */
async function contextOf(folder, children) {
  const port = await freePort();
  const { PATH } = process.env;
  const options = ({ cwd = folder, env = {}, ...more } = {}) => ({
    cwd,
    env: { PATH, LANG: 'C.UTF-8', HOME: folder, TMPDIR: folder, ...env },
    ...more,
  });
  return {
    folder,
    port,
    origin: `http://127.0.0.1:${port}`,
    ready,
    run: (command, args, more) => run(command, args, options(more)),
    launch(command, args, more) {
      const child = launch(command, args, options(more));
      children.push(child);
      return child;
    },
  };
}

async function check(checks, row, line) {
  for (const { run, ...one } of checks) {
    const result = { ...one };
    row.results.push(result);
    try {
      row.notes.push(...((await run()) ?? []));
      line(`ok      ${one.name}`);
    } catch (error) {
      result.problem = error;
      line(`FAILED  ${one.name}: ${firstLine(error)}`);
    }
  }
}

function remove(folder) {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  folders.delete(folder);
}

function secondsSince(began) {
  return (performance.now() - began) / 1000;
}

/** The rest is in the summary. */
function firstLine({ message }) {
  return message.split('\n')[0];
}
