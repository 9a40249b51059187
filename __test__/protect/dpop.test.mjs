// Which parts of a request belong to a DPoP proof: its field (RFC 9449 §4.3, check 1), and the one proof per request?

import assert from 'node:assert/strict';
import http from 'node:http';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';

import { close, open } from '../support/http.mjs';
import { rawExchange } from '../support/raw-http.mjs';

const require = createRequire(import.meta.url);
const { Proofs, SEVERAL, proofOf } = require('../../npm/protect/dpop.js');

/** What `proofOf` finds in a request that arrives over a socket with these lines. */
async function received(lines) {
  let found;
  const server = http.createServer((request, response) => {
    found = proofOf(request.headers, request.rawHeaders);
    response.end();
  });
  await open(server, { port: 0, host: '127.0.0.1' });
  try {
    const url = `http://127.0.0.1:${server.address().port}`;
    const text = await rawExchange(url, ['GET / HTTP/1.1', 'Host: a', 'Connection: close', ...lines]);
    assert.match(text, /^HTTP\/1\.1 200 /);
    return found;
  } finally {
    await close(server);
  }
}

describe('the proof of a request', () => {
  for (const [what, lines, expected] of [
    ['none', [], undefined],
    ['one field', ['DPoP: a.b.c'], 'a.b.c'],
    ['one field in another case, with blanks around the value', ['dpop: \t a.b.c \t'], 'a.b.c'],
    ['an empty field', ['DPoP:'], ''],
    ['two fields', ['DPoP: a.b.c', 'DPoP: a.b.c'], SEVERAL],
    ['two fields in different case', ['DPoP: a.b.c', 'DPOP: d.e.f'], SEVERAL],
    ['two fields, of which one is empty', ['DPoP: a.b.c', 'DPoP:'], SEVERAL],
    ['two fields, and both are empty', ['DPoP:', 'DPoP:'], SEVERAL],
    ['a list in one field', ['DPoP: a.b.c, d.e.f'], SEVERAL],
    ['a field whose name only begins so', ['DPoP-Nonce: a'], undefined],
  ]) {
    test(`is found over a socket: ${what}`, async () => {
      assert.equal(await received(lines), expected);
    });
  }

  test('is found in web Headers, which join several fields', () => {
    const headers = new Headers({ DPoP: 'a.b.c' });
    assert.equal(proofOf(headers), 'a.b.c');
    headers.append('DPoP', 'a.b.c');
    assert.equal(proofOf(headers), SEVERAL);
    assert.equal(proofOf(new Headers()), undefined);
  });

  test('is found in headers that no parser trimmed, and that have a list of values', () => {
    assert.equal(proofOf({ dpop: 'a.b.c \t' }, []), 'a.b.c');
    assert.equal(proofOf({ dpop: ['a.b.c'] }, []), SEVERAL);
    // A layer between the parser and this package may have kept one of two fields.
    assert.equal(proofOf({ dpop: 'a.b.c' }, ['DPoP', 'a.b.c', 'dpop', 'd.e.f']), SEVERAL);
    assert.equal(proofOf(Object.create({ dpop: 'a.b.c' }), []), undefined);
  });
});

describe('the proofs of the requests', () => {
  test('are one for each request and client', () => {
    const proofs = new Proofs();
    const [request, other, client, another] = [{}, {}, {}, {}];
    const made = proofs.of(request, client, () => ({}));
    assert.equal(
      proofs.of(request, client, () => assert.fail('a second proof')),
      made,
    );
    assert.notEqual(
      proofs.of(other, client, () => ({})),
      made,
    );
    const second = proofs.of(request, another, () => ({}));
    assert.notEqual(second, made);
    const none = () => assert.fail('a second proof');
    assert.deepEqual([proofs.of(request, client, none), proofs.of(request, another, none)], [made, second]);
  });

  test('are not kept if they cannot be made', () => {
    const proofs = new Proofs();
    const [request, client] = [{}, {}];
    const failing = () => {
      throw new Error('canary');
    };
    assert.throws(() => proofs.of(request, client, failing));
    assert.ok(proofs.of(request, client, () => ({})));
  });
});
