// What does the client read of a response from a user's fetcher?
//
// Every kind of body has the same two limits: 512 KiB, and the deadline, after which nothing more is read. Headers
// and status may have any spelling.

import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import { runInNewContext } from 'node:vm';

import { failure } from '../support/backend.mjs';
import { eventually } from '../support/eventually.mjs';
import { ISSUER, JWKS, offline } from '../support/offline.mjs';

const METADATA = { issuer: ISSUER, jwks_uri: `${ISSUER}/jwks` };
const TEXT = JSON.stringify(METADATA);
const OCTETS = new TextEncoder().encode(TEXT);
const LIMIT = 512 * 1024;
const CHUNK = 64 * 1024;
/** The smallest allowed value. */
const TIMEOUT = 1000;

const asking = (response, options) =>
  offline({
    jwksResolver: undefined,
    fetcher: typeof response === 'function' ? response : () => response,
    ...options,
  }).getMetadata();
const answer = (body, more) => ({ status: 200, statusText: 'OK', headers: new Headers(), body, ...more });
const refused = (reason) => failure('MonoCloudHttpError', reason);

async function* chunksOf(...chunks) {
  yield* chunks;
}

/** A view on part of a larger array buffer. */
function inside(View) {
  const buffer = new ArrayBuffer(OCTETS.length + 16 + (View.BYTES_PER_ELEMENT ?? 1));
  new Uint8Array(buffer, 8, OCTETS.length).set(OCTETS);
  return new View(buffer, 8, OCTETS.length / (View.BYTES_PER_ELEMENT ?? 1));
}

describe('a body is read', () => {
  const pieces = [OCTETS.slice(0, 7), OCTETS.slice(7)];
  for (const [what, make] of Object.entries({
    'that is a web stream': () => answer(new Response(TEXT).body),
    'that is a web stream of texts': () => answer(ReadableStream.from([TEXT])),
    'that is a Node stream of buffers': () => answer(Readable.from(pieces.map((piece) => Buffer.from(piece)))),
    'that is a Node stream of texts': () => answer(Readable.from([TEXT]).setEncoding('utf8')),
    'that is an async generator': () => answer(chunksOf(...pieces)),
    'that is an array of chunks': () => answer([...pieces, '']),
    'that is a text': () => answer(TEXT),
    'that is a buffer': () => answer(Buffer.from(TEXT)),
    'that is an array buffer': () => answer(OCTETS.buffer.slice(0)),
    'in chunks of array buffers': () => answer(chunksOf(...pieces.map(({ buffer }) => buffer))),
    'in a view of a larger buffer': () => answer(chunksOf(inside(DataView))),
    'in octets of another realm': () =>
      answer(chunksOf(runInNewContext('Uint8Array.from(octets)', { octets: [...OCTETS] }))),
    'in an array buffer of another realm': () =>
      answer(runInNewContext('Uint8Array.from(octets).buffer', { octets: [...OCTETS] })),
    'in tens of thousands of chunks of one octet': () => answer(oneByOne()),
    'of a real response': () => Response.json(METADATA),
    'of a response with nothing but text()': () => answer(undefined, { text: async () => TEXT }),
    'of a response with nothing but arrayBuffer()': () =>
      answer(null, { arrayBuffer: async () => OCTETS.buffer.slice(0) }),
    'of a response with nothing but json()': () => answer(undefined, { json: () => METADATA }),
    'of a Blob': () => answer(new Blob([TEXT]), { text: async () => TEXT }),
  })) {
    test(what, async () => assert.deepEqual(await asking(make()), METADATA));
  }

  async function* oneByOne() {
    for (const octet of OCTETS) yield Uint8Array.of(octet);
    for (let i = OCTETS.length; i < 40_000; i += 1) yield ' ';
  }

  test('up to 512 KiB exactly, whatever it is', async () => {
    const padded = (extra) => TEXT + ' '.repeat(LIMIT - TEXT.length + extra);
    const kinds = [
      (text) => answer(text),
      (text) => answer(Buffer.from(text)),
      (text) => answer([Buffer.from(text)]),
      (text) => answer(chunksOf(text.slice(0, 9), text.slice(9))),
      (text) => answer(undefined, { text: () => text }),
      (text) => answer(undefined, { arrayBuffer: () => new TextEncoder().encode(text).buffer }),
    ];
    for (const kind of kinds) {
      assert.deepEqual(await asking(kind(padded(0))), METADATA, String(kind));
      await assert.rejects(asking(kind(padded(1))), refused('body_too_large'), String(kind));
      // The limit counts octets, not characters.
      await assert.rejects(asking(kind(padded(0).replace(/ $/, 'é'))), refused('body_too_large'), String(kind));
    }
  });
});

describe('a body that is too large is read no further than a chunk past 512 KiB, and released', () => {
  /** Counts the octets read, and records how the stream ends. */
  function watched() {
    const seen = { octets: 0, isClosed: false };
    const next = () => {
      seen.octets += CHUNK;
      return new Uint8Array(CHUNK).fill(32);
    };
    const close = () => {
      seen.isClosed = true;
    };
    return { seen, next, close };
  }

  for (const [what, make] of Object.entries({
    'a web stream': ({ next, close }) =>
      new ReadableStream({ pull: (stream) => stream.enqueue(next()), cancel: close }, { highWaterMark: 0 }),
    'a Node stream': ({ next, close }) =>
      new Readable({
        highWaterMark: 1,
        read() {
          this.push(next());
        },
        destroy: (error, done) => done(close(error)),
      }),
    'an async iterator': ({ next, close }) => ({
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ done: false, value: next() }),
        return: async () => close(),
      }),
    }),
    'a sync iterator': ({ next, close }) => ({
      [Symbol.iterator]: () => ({ next: () => ({ done: false, value: next() }), return: () => close() }),
    }),
  })) {
    test(what, async () => {
      const watch = watched();
      await assert.rejects(asking(answer(make(watch))), refused('body_too_large'));
      await eventually(() => watch.seen.isClosed);
      // A Node stream reads one chunk ahead.
      assert.ok(watch.seen.octets <= LIMIT + 3 * CHUNK, `${watch.seen.octets}`);
    });
  }

  test('one chunk of 300 MB is not copied', async () => {
    const chunk = new Uint8Array(300 * 1024 * 1024);
    await assert.rejects(asking(answer(chunksOf(chunk))), refused('body_too_large'));
  });

  test('a wrong content-length changes nothing', async () => {
    const headers = { 'Content-Length': '3' };
    await assert.rejects(asking(answer(chunksOf(new Uint8Array(LIMIT + 1)), { headers })), refused('body_too_large'));
    assert.deepEqual(await asking(answer([OCTETS], { headers })), METADATA);
    assert.deepEqual(await asking(answer([OCTETS], { headers: { 'Content-Length': '99999999' } })), METADATA);
  });
});

describe('a chunk', () => {
  class Liar extends Uint8Array {
    get byteLength() {
      return Number.NaN;
    }

    get length() {
      return -1;
    }
  }

  for (const [what, chunk] of Object.entries({
    'that is a number': 5,
    'that is undefined': undefined,
    'that is null': null,
    'that is an object': { byteLength: 3 },
    'that is an object with a length of NaN': { byteLength: Number.NaN, length: Number.NaN },
    'that is an array': [123],
    'that is true': true,
  })) {
    test(`${what} is body_invalid`, async () => {
      let isClosed = false;
      const body = {
        [Symbol.asyncIterator]: () => ({
          next: async () => ({ done: false, value: chunk }),
          return: async () => void (isClosed = true),
        }),
      };
      await assert.rejects(asking(answer(body)), refused('body_invalid'));
      assert.equal(isClosed, true);
    });
  }

  test('with a wrong length is at least limited by time', async () => {
    async function* liars() {
      for (;;) yield new Liar(CHUNK);
    }
    await assert.rejects(asking(answer(liars()), { responseTimeout: TIMEOUT }), refused('timed_out'));
  });

  test('that is bad UTF-8 is body_invalid', async () => {
    for (const body of [[Uint8Array.of(0x22, 0xff, 0x22)], Uint8Array.of(0x22, 0xff, 0x22)]) {
      await assert.rejects(asking(answer(body)), refused('body_invalid'));
    }
  });
});

describe('after the deadline nothing is read on', () => {
  const never = () => new Promise(() => {});

  for (const [what, make] of Object.entries({
    'of a web stream that hangs': (close) => new ReadableStream({ pull: never, cancel: close }),
    'of a Node stream that hangs': (close) => new Readable({ read() {}, destroy: (_, done) => done(close()) }),
    'of an async iterator that hangs': (close) => ({
      [Symbol.asyncIterator]: () => ({ next: never, return: async () => close() }),
    }),
    'of empty chunks without end': (close) => ({
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ done: false, value: new Uint8Array(0) }),
        return: async () => close(),
      }),
    }),
    'of empty texts without end': (close) => ({
      [Symbol.iterator]: () => ({ next: () => ({ done: false, value: '' }), return: () => close() }),
    }),
  })) {
    test(what, async () => {
      let isClosed = false;
      let signal;
      const body = make(() => void (isClosed = true));
      const fetcher = (_, init) => {
        ({ signal } = init);
        return answer(body);
      };
      await assert.rejects(asking(fetcher, { responseTimeout: TIMEOUT }), refused('timed_out'));
      await eventually(() => isClosed && signal.aborted);
    });
  }

  test('of a late response, which is released unread', async () => {
    let isClosed = false;
    let reads = 0;
    let give;
    const body = new ReadableStream(
      { pull: () => void (reads += 1), cancel: () => void (isClosed = true) },
      { highWaterMark: 0 },
    );
    const late = new Promise((resolve) => {
      give = () => resolve(answer(body));
    });
    await assert.rejects(
      asking(() => late, { responseTimeout: TIMEOUT }),
      refused('timed_out'),
    );
    give();
    await eventually(() => isClosed);
    assert.equal(reads, 0);
  });

  for (const [what, method] of Object.entries({ text: 'text', arrayBuffer: 'arrayBuffer', json: 'json' })) {
    test(`of a response whose ${what}() hangs`, () =>
      assert.rejects(
        asking(answer(undefined, { [method]: never }), { responseTimeout: TIMEOUT }),
        refused('timed_out'),
      ));
  }
});

describe('a response is fetcher_failed, and nothing else breaks,', () => {
  const boom = () => {
    throw new Error('canary');
  };

  for (const [what, make] of Object.entries({
    'when reading its body throws': () => Object.defineProperty(answer(), 'body', { get: boom }),
    'when its status throws': () => Object.defineProperty(answer(TEXT), 'status', { get: boom }),
    'when its headers throw': () => Object.defineProperty(answer(TEXT), 'headers', { get: boom }),
    'when its headers cannot be walked': () => answer(TEXT, { headers: { [Symbol.iterator]: boom } }),
    'when getReader throws': () => answer({ getReader: boom }),
    'when its stream is locked': () => {
      const response = Response.json(METADATA);
      response.body.getReader();
      return response;
    },
    'when its iterator throws': () => answer({ [Symbol.asyncIterator]: boom }),
    'when next() throws': () => answer({ [Symbol.asyncIterator]: () => ({ next: boom, return: boom }) }),
    'when next() gives nothing': () =>
      answer({ [Symbol.asyncIterator]: () => ({ next: async () => undefined, return: async () => boom() }) }),
    'when its Node stream breaks': () =>
      answer(
        new Readable({
          read() {
            this.destroy(new Error('canary'));
          },
        }),
      ),
    'when text() throws': () => answer(undefined, { text: boom }),
    'when it has no body at all': () => ({ status: 200, headers: {} }),
    'when its body is a number': () => answer(7),
    'when its body is an object': () => answer({ a: 1 }),
  })) {
    test(what, () => assert.rejects(asking(make()), refused('fetcher_failed')));
  }

  for (const status of [undefined, null, '200', 200.5, NaN, -200, 99, 1000, 2 ** 32 + 200, 200n, {}]) {
    test(`when its status is ${String(status)}`, () =>
      assert.rejects(asking(answer(TEXT, { status })), refused('fetcher_failed')));
  }

  test('when text() does not return text it is body_invalid', async () => {
    for (const text of [undefined, null, 5, {}, OCTETS]) {
      await assert.rejects(asking(answer(undefined, { text: async () => text })), refused('body_invalid'));
    }
  });

  test('when it has a body of null it is an empty body', () =>
    assert.rejects(asking(new Response(null)), refused('body_invalid')));
});

describe('headers', () => {
  const pairs = [
    ['Set-Cookie', 'a=b'],
    ['RETRY-AFTER', '7'],
    ['X-Request-Id', 'r'],
  ];

  for (const [what, headers] of Object.entries({
    'that are Headers': new Headers(pairs),
    'that are a plain object': Object.fromEntries(pairs),
    'that are a Map': new Map(pairs),
    'that are an array of pairs': pairs,
    'with a list of values': { 'SET-COOKIE': ['a=b', 'c=d'], 'Retry-After': ['7'], 'X-Request-ID': ['r'] },
    'with values that are no texts': {
      'Set-Cookie': {},
      'Retry-After': 7,
      'X-Request-Id': 'r',
      x: null,
      y: Symbol('s'),
      z: () => 1,
    },
    'with entries that are no pairs': [...pairs, 7, null, 'ab', [], [5, 'x'], ['only']],
  })) {
    test(`${what} have lower-case names, without set-cookie, and Retry-After is heard`, async () => {
      const error = await asking(answer('no', { status: 503, headers })).catch((caught) => caught);
      assert.deepEqual([error.reason, error.raw.body], ['unexpected_status', 'no']);
      assert.deepEqual(error.raw.headers, { 'retry-after': '7', 'x-request-id': 'r' });
      assert.equal(error.retryAfter ?? 7, 7);
    });
  }

  test('that are missing, or not an object, count as none', async () => {
    for (const headers of [undefined, null, 5, 'a: b']) {
      assert.deepEqual(await asking(answer(TEXT, { headers })), METADATA);
    }
  });

  test('are kept up to a hundred, also of an iterator without end, and up to 32 KiB', async () => {
    function* endless() {
      for (let i = 0; ; i += 1) yield [`x-${i}`, 'v'];
    }
    const keptOf = async (headers) =>
      (await asking(answer('no', { status: 500, headers })).catch((error) => error)).raw.headers;
    assert.equal(Object.keys(await keptOf(endless())).length, 100);
    assert.deepEqual(await keptOf({ big: 'x'.repeat(40_000), small: 'y' }), { small: 'y' });
  });
});

describe("a resolver's document", () => {
  const resolving = (document) => offline({ jwksResolver: () => document }).getJwks();

  test('is abandoned as soon as it must be too large, however it is made', async () => {
    let made = 0;
    const endless = () => ({
      toJSON: () => {
        made += 1;
        return { name: 'n'.repeat(1000), next: endless() };
      },
    });
    await assert.rejects(resolving({ ...JWKS, x: endless() }), refused('body_too_large'));
    assert.ok(made < 1000, `${made}`);
    await assert.rejects(
      resolving({ ...JWKS, x: Array.from({ length: 600_000 }, () => 1) }),
      refused('body_too_large'),
    );
    assert.deepEqual(await resolving({ ...JWKS, x: [undefined, () => 1] }), { ...JWKS, x: [null, null] });
  });

  test('that cannot be written as JSON is fetcher_failed', async () => {
    const throwing = {
      toJSON() {
        throw new Error('canary');
      },
    };
    const deep = {};
    for (let at = deep, i = 0; i < 100_000; i += 1) at = at.a = {};
    for (const document of [throwing, { ...JWKS, throwing }, deep, undefined, () => JWKS]) {
      await assert.rejects(
        resolving(document),
        ({ name, reason }) => name === 'MonoCloudHttpError' && ['fetcher_failed', 'body_invalid'].includes(reason),
      );
    }
  });
});
