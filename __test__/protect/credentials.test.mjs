// Which header is a Bearer credential (RFC 9110 §5.5 and §11.4, RFC 6750 §2.1)?
//
// Requests go over a socket, octet by octet. Every header that Node's parser accepts has exactly one reading.

import assert from 'node:assert/strict';
import http from 'node:http';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';

import { protectApi } from '@monocloud/backend-node/express';

import { close, open } from '../support/http.mjs';
import { offline, signed } from '../support/offline.mjs';
import { rawGet } from '../support/raw-http.mjs';

const require = createRequire(import.meta.url);
const { AMBIGUOUS, DpopCredentials, MALFORMED, credentialsOf } = require('../../npm/protect/credentials.js');

const TOKEN = signed();
const MIDDLE = Math.floor(TOKEN.length / 2);

let server;
let url;
before(async () => {
  const middleware = protectApi(offline())();
  server = http.createServer((request, response) => middleware(request, response, () => response.end('in')));
  await open(server, { port: 0, host: '127.0.0.1' });
  url = `http://127.0.0.1:${server.address().port}/`;
});
after(() => close(server));

const statusOf = async (value) => (await rawGet(url, [`Authorization: ${value}`])).status;

describe('a Bearer credential', () => {
  for (const [what, value, status] of [
    ['one space', `Bearer ${TOKEN}`, 200],
    ['several spaces', `Bearer    ${TOKEN}`, 200],
    ['spaces and tabs around the whole value, which are none of it', `\t Bearer ${TOKEN} \t`, 200],
    ['any case', `bEARER ${TOKEN}`, 200],
    ['a tab for the space', `Bearer\t${TOKEN}`, 401],
    ['a space, then a tab', `Bearer \t${TOKEN}`, 401],
    ['a tab, then a space', `Bearer\t ${TOKEN}`, 401],
    ['a no-break space for the space', `Bearer\u00a0${TOKEN}`, 401],
    ['a space, then a no-break space', `Bearer \u00a0${TOKEN}`, 401],
    ['a no-break space behind the token', `Bearer ${TOKEN}\u00a0`, 401],
    ['a line break of Unicode behind the token', `Bearer ${TOKEN}\u0085`, 401],
    ['a word behind the token', `Bearer ${TOKEN} x`, 401],
    ['a tab and a word behind the token', `Bearer ${TOKEN}\tx`, 401],
    ['a comma behind the token', `Bearer ${TOKEN},`, 401],
    ['quotes around the token', `Bearer "${TOKEN}"`, 401],
    ['no token', 'Bearer', 401],
    ['blanks for a token', 'Bearer  \t ', 401],
  ]) {
    test(`with ${what} is answered with ${status}`, async () => {
      assert.equal(await statusOf(value), status);
    });
  }

  for (const [where, valueWith] of [
    ['for the space', (octet) => `Bearer${octet}${TOKEN}`],
    ['between the space and the token', (octet) => `Bearer ${octet}${TOKEN}`],
    ['in the token', (octet) => `Bearer ${TOKEN.slice(0, MIDDLE)}${octet}${TOKEN.slice(MIDDLE)}`],
    ['behind the token', (octet) => `Bearer ${TOKEN}${octet}`],
    ['before the scheme', (octet) => `${octet}Bearer ${TOKEN}`],
  ]) {
    test(`with any octet ${where} is accepted only as the grammar has it`, async () => {
      const strict = new RegExp(`^[ \\t]*bearer +${TOKEN.replaceAll('.', '\\.')}[ \\t]*$`, 'i');
      const octets = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code));
      const wrong = [];
      for (const octet of octets) {
        const isIn = (await statusOf(valueWith(octet))) === 200;
        if (isIn !== strict.test(valueWith(octet))) wrong.push([octet.charCodeAt(0), isIn]);
      }
      assert.deepEqual(wrong, []);
    });
  }

  test('is read in the same way from a request that never was on a wire', () => {
    const read = (authorization) => credentialsOf({ authorization }, []);
    assert.equal(read(`Bearer  ${TOKEN} \t`), TOKEN);
    for (const blank of ['\t', '\u00a0', '\u2003', '\ufeff', '\v', '\f', '\n']) {
      assert.notEqual(read(`Bearer ${blank}${TOKEN}`), TOKEN, JSON.stringify(blank));
      assert.notEqual(read(`Bearer ${TOKEN}${blank}x`), TOKEN, JSON.stringify(blank));
    }
  });

  test('is a member of the request’s own headers, never one that they inherit', () => {
    const headers = Object.create({ authorization: `Bearer ${TOKEN}` });
    assert.equal(credentialsOf(headers, []), undefined);
  });
});

describe('the credentials of a request', () => {
  const read = (authorization, rawHeaders) => credentialsOf({ authorization }, rawHeaders);
  const web = (...values) => {
    const headers = new Headers();
    for (const value of values) headers.append('Authorization', value);
    return credentialsOf(headers);
  };
  const ROWS = [
    ['a bearer token', 'Bearer a.b', 'a.b'],
    ['a DPoP token', 'DPoP a.b', new DpopCredentials('a.b')],
    ['a DPoP token in any case, with more spaces', 'dpOP   a.b', new DpopCredentials('a.b')],
    ['another scheme', 'Basic YTpi', undefined],
    ['another scheme with a list', 'Digest username="a", realm="b"', undefined],
    ['a scheme that begins like one of ours', 'Bearerx a', undefined],
    ['a scheme that begins like DPoP', 'DPoP-2 a', undefined],
    ['nothing', '', undefined],
    ['Bearer without a token', 'Bearer', MALFORMED],
    ['DPoP without a token', 'dpop', MALFORMED],
    ['Bearer with two words', 'Bearer a b', MALFORMED],
    ['DPoP with a tab', 'DPoP\ta', MALFORMED],
    ['two bearer tokens in a list', 'Bearer a, Bearer b', AMBIGUOUS],
    ['Bearer and DPoP in a list', 'Bearer a, DPoP a', AMBIGUOUS],
    ['another scheme, then Bearer, in a list', 'Basic YTpi, bearer a', AMBIGUOUS],
    ['another scheme, then DPoP, in a list', 'Basic YTpi,\tDPOP a', AMBIGUOUS],
    ['a comma behind a token', 'Bearer a,', AMBIGUOUS],
  ];
  for (const [what, value, expected] of ROWS) {
    test(`are the same in an object and in web Headers: ${what}`, () => {
      assert.deepEqual(read(value, ['Authorization', value]), expected);
      assert.deepEqual(read(value, undefined), expected);
      assert.deepEqual(web(value), expected);
    });
  }

  test('are ambiguous in two fields, of which Node keeps the first and web Headers join both', () => {
    for (const [first, second] of [
      ['Bearer a', 'Bearer b'],
      ['Bearer a', 'DPoP a'],
      ['DPoP a', ''],
      ['Basic YTpi', 'Bearer a'],
    ]) {
      assert.equal(read(first, ['Authorization', first, 'AUTHORIZATION', second]), AMBIGUOUS);
      assert.equal(web(first, second), AMBIGUOUS);
    }
  });

  test('are none in a request without the header, in an object and in web Headers', () => {
    assert.equal(credentialsOf({}, []), undefined);
    assert.equal(credentialsOf({ get: 'a field called Get' }, ['Get', 'a field called Get']), undefined);
    assert.equal(web(), undefined);
  });

  test('are ambiguous if the header is a list of values', () => {
    assert.equal(read(['Bearer a', 'Bearer b'], undefined), AMBIGUOUS);
  });
});
