// Does the table of URLs hold for an implementation of RFC 3986 that shares nothing with the engine's?
//
// The engine runs the same table (src/engine/authorize/dpop/url.rs). This normalizer uses the regular expressions of RFC
// 3986 §2 and Appendix B, and the algorithm of §5.2.4 step by step.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';

const { rows } = JSON.parse(readFileSync(new URL('dpop-urls.json', import.meta.url), 'utf8'));

const RESULTS = ['equal', 'unequal', 'refused'];
const MAX_BYTES = 2048;
const URI_CHARACTERS = /^[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=%]*$/;
const PARTS = /^([^:/?#]+):\/\/([^/?#]*)([^?#]*)(?:\?[^#]*)?(?:#.*)?$/s;
const REG_NAME = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})+$/;
const IP_LITERAL = /^\[[0-9A-Fa-f:.]+\]$/;
const AUTHORITY = /^(\[[^\]]*\]|[^:]*)(?::([0-9]*))?$/;
const BROKEN_ESCAPE = /%(?![0-9A-Fa-f]{2})/;
const ESCAPE = /%([0-9A-Fa-f]{2})/g;
const UNRESERVED = /^[A-Za-z0-9\-._~]$/;
const DEFAULT_PORTS = { http: '80', https: '443' };

/** The normalized URL without query and fragment, or `undefined` if it is not an http or https URL. */
function normalized(text) {
  if (Buffer.byteLength(text) > MAX_BYTES || !URI_CHARACTERS.test(text)) return undefined;
  const [, anyScheme, authority, path] = PARTS.exec(text) ?? [];
  const scheme = anyScheme?.toLowerCase();
  if (!Object.hasOwn(DEFAULT_PORTS, scheme ?? '')) return undefined;
  const [, host, port = ''] = AUTHORITY.exec(authority) ?? [];
  if (host === undefined || !(REG_NAME.test(host) || IP_LITERAL.test(host)) || BROKEN_ESCAPE.test(path)) return undefined;
  const name = unescaped(host)
    .toLowerCase()
    .replace(ESCAPE, (escape) => escape.toUpperCase());
  const suffix = port === '' || port === DEFAULT_PORTS[scheme] ? '' : `:${port}`;
  return `${scheme}://${name}${suffix}${withoutDotSegments(unescaped(path)) || '/'}`;
}

/** RFC 3986 §6.2.2.1 and §6.2.2.2. */
function unescaped(text) {
  return text.replace(ESCAPE, (escape, digits) => {
    const character = String.fromCharCode(Number.parseInt(digits, 16));
    return UNRESERVED.test(character) ? character : escape.toUpperCase();
  });
}

/** RFC 3986 §5.2.4, with its steps A to E. */
function withoutDotSegments(path) {
  let input = path;
  let output = '';
  while (input !== '') {
    if (input.startsWith('../')) input = input.slice(3);
    else if (input.startsWith('./')) input = input.slice(2);
    else if (input.startsWith('/./')) input = input.slice(2);
    else if (input === '/.') input = '/';
    else if (input.startsWith('/../') || input === '/..') {
      input = `/${input.slice(4)}`;
      output = output.slice(0, Math.max(output.lastIndexOf('/'), 0));
    } else if (input === '.' || input === '..') input = '';
    else {
      const [segment] = /^\/?[^/]*/.exec(input);
      output += segment;
      input = input.slice(segment.length);
    }
  }
  return output;
}

/** The query of a request is cut off before its characters are checked. */
const ofRequest = (url) => normalized(url.split(/[?#]/)[0]);

function resultOf(htu, url) {
  const [given, expected] = [normalized(htu), ofRequest(url)];
  assert.notEqual(expected, undefined, 'the URL of the request is a URL');
  if (given === undefined) return 'refused';
  return given === expected ? 'equal' : 'unequal';
}

describe('htu and the URL of the request', () => {
  for (const { why, htu, url, result } of rows) {
    test(`${JSON.stringify(htu)} and ${url}: ${why}`, () => assert.equal(resultOf(htu, url), result));
  }

  test('the table has at least 60 rows, of every result, and no row twice', () => {
    assert.ok(rows.length >= 60);
    assert.deepEqual([...new Set(rows.map(({ result }) => result))].sort(), [...RESULTS].sort());
    assert.equal(new Set(rows.map(({ htu, url }) => JSON.stringify([htu, url]))).size, rows.length);
  });
});
