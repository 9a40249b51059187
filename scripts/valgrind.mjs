// `npm run valgrind`: the add-on under memcheck. Node loads it, validates, is rejected, fails, introspects, waits,
// and ends, also in a worker that is terminated during a call. An error with one of our frames in its stack is ours
// and fails the run. Node's own errors are ignored (scripts/valgrind.supp). The issuer is in this process, which
// memcheck does not observe. Needs Linux with valgrind 3.19 or later; takes a minute or two.
//
// Node-API and napi-rs lose three things when an environment ends. They are only counted: a promise that never
// settles because its worker was terminated (8 octets), a reference that lives as long as its environment (40
// octets), and an event for a thread that has ended (some 100 octets).

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

import { root } from './setup.mjs';

const SELF = fileURLToPath(import.meta.url);
const ADDON = /monocloud-backend-node[^/]*\.node$/;
const DEADLINE_MS = 15 * 60 * 1000;
const LOST = new Set(['Leak_DefinitelyLost', 'Leak_IndirectlyLost']);
/** How many workers are terminated, and clients made, in the main thread. */
const TERMINATIONS = 2;
const CLIENTS = [{}, { verifiedTokenCacheSize: 2 }, { cache: mapCache() }, { fetcher }];
/** The classes whose constructors each environment keeps. */
const CLASSES = 4;
/** How many events may be underway to an environment when it ends. */
const UNDELIVERED_OCTETS = 1024;

if (!isMainThread) await beTerminated(workerData);
else if (process.argv[2] === 'watched') await beWatched(JSON.parse(process.argv[3]));
else await watch();

/** The parent: starts an issuer and the observed process, and reads memcheck's report about it. */
async function watch() {
  if (spawnSync('valgrind', ['--version'], { stdio: 'inherit' }).status !== 0) {
    console.error('valgrind is not installed: apt-get install valgrind');
    process.exit(1);
  }
  const { startIssuer } = await import('../__test__/support/issuer.mjs');
  const { ALGORITHMS } = await import('../__test__/support/keys.mjs');
  const issuer = await startIssuer();
  const folder = mkdtempSync(join(tmpdir(), 'memcheck-'));
  try {
    const claims = { cnf: { 'x5t#S256': 'A'.repeat(43) } };
    const work = {
      tenantDomain: issuer.issuer,
      good: ALGORITHMS.map((alg) => issuer.sign({ alg, claims: { groups: ['staff', { id: '1', name: 'x' }] } })),
      opaque: [issuer.opaque(), issuer.opaque()],
      bad: [
        issuer.sign({ claims: { exp: 1 } }),
        issuer.sign({ claims }),
        issuer.sign({ header: { kid: 'nobody' } }),
        issuer.sign({ claims: { aud: 'x' } }),
        issuer.signRaw('{"alg":"none"}', '{}'),
        'a.b.c',
        '..',
        '.'.repeat(20_000),
        `${issuer.sign()}x`,
        issuer.signRaw('{"alg":"RS256"}', '['.repeat(5000)),
        'never-issued',
        'not a token \u00e9\ud800',
      ],
    };
    const xml = join(folder, 'memcheck.xml');
    const status = await memcheck(xml, work);
    report(readFileSync(xml, 'utf8'), status, work.good.length + work.opaque.length + 2);
  } finally {
    rmSync(folder, { recursive: true });
    await issuer.close();
  }
}

function memcheck(xml, work) {
  const valgrind = [
    '--tool=memcheck',
    '--leak-check=full',
    '--show-leak-kinds=definite,indirect',
    '--errors-for-leak-kinds=none',
    '--num-callers=40',
    '--fair-sched=yes',
    `--suppressions=${join(root, 'scripts', 'valgrind.supp')}`,
    '--xml=yes',
    `--xml-file=${xml}`,
  ];
  // Without its compiler Node runs no generated code, which memcheck would have to follow.
  const node = [process.execPath, '--jitless', SELF, 'watched', JSON.stringify(work)];
  const child = spawn('valgrind', [...valgrind, ...node], { stdio: 'inherit', timeout: DEADLINE_MS });
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('exit', (code, signal) => resolve(signal ?? code));
  });
}

function report(xml, status, inFlight) {
  const errors = [...xml.matchAll(/<error>[\s\S]*?<\/error>/g)].map(([error]) => ({
    kind: /<kind>(\w+)<\/kind>/.exec(error)[1],
    octets: Number(/<leakedbytes>(\d+)</.exec(error)?.[1] ?? 0),
    blocks: Number(/<leakedblocks>(\d+)</.exec(error)?.[1] ?? 0),
    frames: [...error.matchAll(/<frame>[\s\S]*?<\/frame>/g)].map(([frame]) => ({
      object: /<obj>(.*)<\/obj>/.exec(frame)?.[1] ?? '',
      name: /<fn>(.*)<\/fn>/.exec(frame)?.[1] ?? '?',
    })),
  }));
  const ours = errors.filter(({ frames }) => frames.some(({ object }) => ADDON.test(object)));
  const kept = (name) =>
    ours.filter(({ kind, frames }) => kind.startsWith('Leak_') && frames.some((frame) => frame.name === name));
  const blocksOf = (leaks) => leaks.reduce((sum, { blocks }) => sum + blocks, 0);
  const [promises, references] = [kept('napi_create_promise'), kept('napi_create_reference')];
  // Allocated on the engine's own thread, where no frame of Node is below.
  const undelivered = ours.filter(
    ({ kind, frames }) => LOST.has(kind) && !frames.some(({ object }) => object === process.execPath),
  );
  const octets = undelivered.reduce((sum, leak) => sum + leak.octets, 0);
  const environments = 1 + TERMINATIONS;
  const isBounded =
    blocksOf(promises) <= TERMINATIONS * inFlight &&
    blocksOf(references) <= CLIENTS.length + environments * (CLASSES + 1) &&
    octets <= environments * UNDELIVERED_OCTETS;
  const wrong = ours.filter((error) => ![promises, references, undelivered].some((known) => known.includes(error)));
  const isWhole = xml.trimEnd().endsWith('</valgrindoutput>');
  console.log(`watched process: ${status}; memcheck: ${errors.length} reports, ${wrong.length} errors of ours`);
  console.log(
    `counted: ${blocksOf(promises)} promises abandoned by terminate(), ${blocksOf(references)} references kept to the end, ` +
      `${octets} octets of events undelivered`,
  );
  for (const { kind, octets, blocks, frames } of isBounded ? wrong : ours) {
    console.log(`\n${kind} ${octets} octets in ${blocks} blocks`);
    for (const { object, name } of frames) console.log(`  ${name}  ${object.split('/').at(-1)}`);
  }
  if (status !== 0 || !isWhole || !isBounded || wrong.length > 0) process.exit(1);
}

/** The observed process. */
async function beWatched(work) {
  const { MonoCloudBackendNodeClient } = await import('../npm/index.mjs');
  const options = {
    tenantDomain: work.tenantDomain,
    audience: 'https://api.example.com',
    clientId: 'api',
    clientSecret: 'secret',
    responseTimeout: 600_000,
  };
  const counts = { accepted: 0, refused: 0 };
  const clients = CLIENTS.map((more) => new MonoCloudBackendNodeClient({ ...options, ...more }));
  for (const client of clients) {
    // Twice, because the second call remembers the token.
    for (const token of [...work.good, ...work.opaque, ...work.bad, ...work.good, ...work.opaque, ...work.bad, 7, '']) {
      await client.validateAccessToken(token, { scopes: ['data:read'], groups: ['staff'] }).then(
        () => (counts.accepted += 1),
        (error) => (counts[error.name.startsWith('MonoCloud') ? 'refused' : 'broken'] += 1),
      );
    }
    // Many at once, some on the thread pool.
    await Promise.allSettled([...work.good, ...work.opaque].map((token) => client.validateAccessToken(token)));
    await client.validateJwtAccessToken(work.good[0], { jwks: await client.getJwks(true) }).catch(() => {});
    MonoCloudBackendNodeClient.decodeJwt(work.good[0]);
    client.setClockTolerance(1);
    client.health();
    assertThrows(() => new MonoCloudBackendNodeClient({ ...options, clientAuthMethod: 'nonsense' }));
  }
  for (let round = 0; round < TERMINATIONS; round += 1) await terminated(options, work);
  // The work that the workers left in progress ends before this.
  for (const client of clients) await client.getJwks(true);
  console.log(JSON.stringify(counts));
  // Every valid and every opaque token must be accepted once, and every invalid one always rejected. Otherwise the
  // run proves nothing.
  const isWhole =
    counts.broken === undefined && counts.accepted > work.good.length && counts.refused >= 8 * work.bad.length;
  process.exitCode = isWhole ? 0 : 3;
}

/** A worker that is terminated while its calls wait for the issuer and for the thread pool. */
async function terminated(options, work) {
  const worker = new Worker(SELF, { workerData: { options, work } });
  await new Promise((resolve, reject) => {
    worker.once('message', resolve).once('error', reject);
  });
  await worker.terminate();
}

async function beTerminated({ options, work }) {
  const { MonoCloudBackendNodeClient } = await import('../npm/index.mjs');
  const client = new MonoCloudBackendNodeClient(options);
  await client.validateAccessToken(work.good[0]);
  const waiting = [...work.good, ...work.opaque].map((token) => client.validateAccessToken(token));
  waiting.push(client.getJwks(true), client.getMetadata(true));
  parentPort.postMessage('waiting');
  await Promise.allSettled(waiting);
}

/** A `fetch` on node:http: the real one needs WebAssembly, and so the compiler. */
function fetcher(url, { method, headers, body }) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, headers, agent: false }, async (response) => {
      const chunks = [];
      for await (const chunk of response) chunks.push(chunk);
      resolve({
        status: response.statusCode,
        statusText: '',
        headers: new Map(),
        text: async () => Buffer.concat(chunks).toString(),
      });
    });
    request.once('error', reject);
    request.end(body);
  });
}

function mapCache() {
  const entries = new Map();
  return {
    get: async (token) => entries.get(token),
    set: async (token, claims) => void entries.set(token, claims),
    delete: async (token) => void entries.delete(token),
  };
}

function assertThrows(work) {
  try {
    work();
  } catch {
    return;
  }
  throw new Error('did not throw');
}
