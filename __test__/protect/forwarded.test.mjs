// Which URL does the `Forwarded` header give (RFC 7239)?

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { fromForwarded } from '@monocloud/backend-node';
import * as express from '@monocloud/backend-node/express';
import * as fastify from '@monocloud/backend-node/fastify';

const resolve = fromForwarded();
const urlOf = (forwarded) => resolve({ headers: { forwarded }, url: '/a?b' });
const URL_A = 'https://api.example/a';

describe('fromForwarded', () => {
  for (const [what, value, expected = URL_A] of [
    ['the protocol and the host', 'proto=https;host=api.example'],
    ['names in any case, among other parameters', 'For=192.0.2.1;HOST=api.example;by=_x;Proto=HTTPS'],
    ['quoted strings', 'for="[2001:db8::1]:80";host="api.example:8443";proto="https"', 'https://api.example:8443/a'],
    ['escaped characters', String.raw`host="api\.example";proto=https`],
    ['a port that is not quoted', 'host=api.example:8443;proto=https', 'https://api.example:8443/a'],
    ['an IPv6 address that is not quoted', 'host=[::1]:81;proto=http', 'http://[::1]:81/a'],
    ['the last element', 'host=evil.example;proto=http, host=api.example;proto=https'],
    ['the last element, without blanks', 'host=evil.example;proto=http,host=api.example;proto=https'],
    ['a last element behind separators in a quoted string', 'for="a, b;host=evil", host=api.example;proto=https'],
    ['a last element behind an escaped quote', String.raw`for="\", host=evil", host=api.example;proto=https`],
    ['empty elements of the list', ', host=api.example;proto=https, ,'],
    ['blanks around separators', 'host=api.example ; proto=https\t,\thost=api.example ; proto=https'],
  ]) {
    test(`reads ${what}`, () => {
      assert.equal(urlOf(value), expected);
    });
  }

  for (const [what, value] of [
    ['no header', undefined],
    ['an empty header', ''],
    ['a list of values', ['host=api.example;proto=https']],
    ['no host in the last element', 'host=api.example;proto=https, proto=https'],
    ['no protocol in the last element', 'proto=https;host=api.example, host=api.example'],
    ['parts in different elements', 'proto=https, host=api.example'],
    ['a parameter twice', 'host=api.example;host=evil.example;proto=https'],
    ['a parameter twice, in different case', 'host=api.example;HOST=api.example;proto=https'],
    ['a quoted string without an end, which a client sent first', 'for=", host=api.example;proto=https'],
    ['a malformed element, which a client sent first', 'nonsense, host=api.example;proto=https'],
    ['a parameter without a name', '=x;host=api.example;proto=https'],
    ['a parameter without a value', 'for=;host=api.example;proto=https'],
    ['a semicolon at the end', 'host=api.example;proto=https;'],
    ['text behind a quoted string', 'host="api.example"x;proto=https'],
    ['another protocol', 'host=api.example;proto=ftp'],
    ['a host with a path', 'host="api.example/svc";proto=https'],
    ['a host with a user', 'host="api.example@evil.example";proto=https'],
    ['a host that is empty', 'host="";proto=https'],
    ['a hidden host', 'host=_hidden/x;proto=https'],
    ['a header of more than 8 KiB', `for="${'a'.repeat(8192)}", host=api.example;proto=https`],
  ]) {
    test(`gives no URL for ${what}`, () => {
      assert.equal(urlOf(value), undefined);
    });
  }

  test('takes the path of the request before it was routed, of each framework', () => {
    const headers = { forwarded: 'host=api.example;proto=https' };
    assert.equal(resolve({ headers, url: '/b', originalUrl: '/a?x' }), URL_A);
    assert.equal(resolve({ raw: { headers, url: '/b' }, headers, originalUrl: '/a' }), URL_A);
    assert.equal(resolve(new Request('http://inner.example/a?x', { headers: new Headers(headers) })), URL_A);
  });

  test('reads the fields of several proxies as one list', () => {
    const headers = new Headers({ forwarded: 'host=evil.example;proto=http' });
    headers.append('forwarded', 'host=api.example;proto=https');
    assert.equal(resolve({ headers, url: '/a' }), URL_A);
  });

  test('takes time in proportion to the length of the header', () => {
    // A pattern that tries again would not end: 2^8000 steps.
    for (const part of ['a', '\\"', ' ', ',', ';', 'a=', '"'])
      assert.equal(urlOf(`for="${part.repeat(4000)}`), undefined);
  });

  test('is exported by each entry point that has protectApi', () => {
    assert.equal(express.fromForwarded, fromForwarded);
    assert.equal(fastify.fromForwarded, fromForwarded);
  });
});
