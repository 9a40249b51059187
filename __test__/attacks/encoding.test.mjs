// Is there a second way to write a token, or a text that two parsers read differently?
//
// One token has one text: strict base64url (RFC 7515 §2, RFC 4648 §3.5), at most 16 KiB. One text has one meaning:
// strict JSON in UTF-8 with limited nesting and no duplicate members (RFC 7515 §4, RFC 8725 §2.6, §3.7).

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { assertRefused, base64url, signature, startTarget } from './refused.mjs';

let target;
before(async () => {
  target = await startTarget();
});
after(() => target.close());

const headerText = (extra = '') => `{"alg":"RS256","kid":"${target.issuer.keys.rsa.kid}"${extra}}`;
const claimsText = (extra = '') => JSON.stringify(target.issuer.claims()).replace(/\}$/, `${extra}}`);
const sign = (header, payload) => target.issuer.signRaw(header, payload);

/** A token of exactly these header and payload texts, signed as they are. */
function signEncoded(head, payload, tail = (text) => text) {
  const input = `${head}.${payload}`;
  return `${input}.${tail(signature('RS256', target.issuer.keys.rsa.privateKey, input))}`;
}

/** Pads JSON with spaces until its base64url length has the given remainder modulo 4. */
function encodedWithRest(text, rest) {
  for (let spaces = 0; ; spaces += 1) {
    const encoded = base64url(text + ' '.repeat(spaces));
    if (encoded.length % 4 === rest) return encoded;
  }
}

const at = (text, index, inserted) => text.slice(0, index) + inserted + text.slice(index);

/** Spellings that lenient decoders accept for the same octets. */
const SPELLINGS = {
  'with padding': (text) => text + '='.repeat(4 - (text.length % 4)),
  'with one padding character': (text) => `${text}=`,
  'in the standard alphabet': (text) => text.replaceAll('-', '+').replaceAll('_', '/'),
  'with a space in front': (text) => ` ${text}`,
  'with a space behind': (text) => `${text} `,
  'with a space inside': (text) => at(text, 8, ' '),
  'with a newline inside': (text) => at(text, 8, '\n'),
  'with a CRLF behind': (text) => `${text}\r\n`,
  'with a tab inside': (text) => at(text, 5, '\t'),
  'with a NUL behind': (text) => `${text}\u0000`,
  'with a NUL inside': (text) => at(text, 8, '\u0000'),
  'with a no-break space behind': (text) => `${text}\u00a0`,
  'with a zero-width space inside': (text) => at(text, 4, '\u200b'),
  'with a BOM in front': (text) => `\ufeff${text}`,
  'with an exclamation mark inside': (text) => at(text, 4, '!'),
  'percent-encoded': (text) => `%${text.charCodeAt(0).toString(16)}${text.slice(1)}`,
  'with a full-width letter': (text) => String.fromCharCode(text.charCodeAt(0) + 0xfee0) + text.slice(1),
  'with a letter that Latin-1 cuts down to the right one': (text) =>
    String.fromCharCode(text.charCodeAt(2) + 0x100).padStart(3, text.slice(0, 2)) + text.slice(3),
  'with a lone surrogate behind': (text) => `${text}\ud800`,
  'with stray trailing bits': (text) => {
    const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    assert.notEqual(text.length % 4, 0, 'there are spare bits');
    return text.slice(0, -1) + ALPHABET[ALPHABET.indexOf(text.at(-1)) + 1];
  },
  'of a length that no octets have': (text) => text + 'A'.repeat((5 - (text.length % 4)) % 4),
};

describe('base64url (RFC 7515 §2): a second spelling of the same octets is refused', () => {
  // Both contain `-` and `_` when encoded, and have spare bits.
  const head = () => encodedWithRest(headerText(',"x":"???>>>~~~"'), 2);
  const payload = () => encodedWithRest(claimsText(',"x":"???>>>~~~"'), 3);

  test('the texts are accepted in their canonical spelling', async () => {
    assert.match(head(), /-.*_|_.*-/);
    assert.match(payload(), /-.*_|_.*-/);
    await target.accepts(signEncoded(head(), payload()));
  });

  for (const [what, spell] of Object.entries(SPELLINGS)) {
    // The signature covers this spelling, so the spelling is the only reason to reject the token.
    test(`a header ${what} is refused`, () => target.refuses(signEncoded(spell(head()), payload()), 'token_malformed'));
    test(`a payload ${what} is refused`, () =>
      target.refuses(signEncoded(head(), spell(payload())), 'token_malformed'));
    test(`a signature ${what} is refused`, () => {
      let token;
      do token = signEncoded(head(), payload());
      while (!/[-_][^.]*$/.test(token));
      const [first, second, third] = token.split('.');
      return target.refuses(`${first}.${second}.${spell(third)}`, 'token_malformed');
    });
  }

  for (const part of [0, 1, 2]) {
    test(`an empty part ${part + 1} of three is refused`, () => {
      const parts = signEncoded(head(), payload()).split('.');
      parts[part] = '';
      return target.refuses(parts.join('.'), 'token_malformed');
    });
  }
});

describe('size: a whole token has at most 16 KiB', () => {
  /** A valid token of exactly this many characters. */
  function tokenOf(length) {
    const encodedLength = (octets) => Math.ceil((octets * 8) / 6);
    for (let head = 0; head < 4; head += 1) {
      const header = headerText(`,"h":"${'x'.repeat(head)}"`);
      for (let fill = 11_000; fill < 12_500; fill += 1) {
        const payload = claimsText(`,"fill":"${'x'.repeat(fill)}"`);
        if (encodedLength(header.length) + encodedLength(payload.length) + 342 + 2 === length)
          return sign(header, payload);
      }
    }
    return assert.fail(`no token of ${length} characters`);
  }

  test('16 KiB is accepted, one character more is refused', async () => {
    await target.accepts(tokenOf(16_384));
    await target.refuses(tokenOf(16_385), 'token_too_large');
  });

  for (const size of [16_382, 16_383, 16_384]) {
    for (const tail of ['é', '€€', '😀😀', 'é and whatever else follows', '\ud800\ud800']) {
      test(`a token of ${size} followed by ${JSON.stringify(tail)} is another token`, async () => {
        const token = tokenOf(size);
        await target.accepts(token);
        const altered = token + tail;
        const isTooLarge = Buffer.byteLength(altered) > 16_384;
        await target.refuses(altered, isTooLarge ? 'token_too_large' : 'token_malformed');
      });
    }
  }

  for (const [what, token] of [
    ['a million dots', '.'.repeat(1_000_000)],
    ['ten million letters', 'a'.repeat(10_000_000)],
  ]) {
    test(`${what} are refused, also by introspection, without a request`, async () => {
      const asking = target.clientWith({ clientId: 'a', clientSecret: 'b', introspectJwtTokens: true });
      const both = target.clientWith({ clientId: 'a', clientSecret: 'b' });
      target.issuer.resetCounts();
      const expected = { token, reason: 'token_too_large' };
      await assertRefused(() => target.client.validateJwtAccessToken(token), expected);
      await assertRefused(() => both.validateAccessToken(token), expected);
      await assertRefused(() => both.introspectAccessToken(token), expected);
      await assertRefused(() => asking.validateAccessToken(token), expected);
      assert.deepEqual(target.issuer.counts, {});
    });
  }

  for (const text of [
    '',
    '.',
    '..',
    '...',
    'a.b',
    'a.b.c',
    '....',
    '.'.repeat(16_384),
    '.'.repeat(16_385),
    'a'.repeat(16_385),
  ]) {
    test(`${JSON.stringify(text.slice(0, 5))}, ${text.length} long, is refused as a JWT`, async () => {
      const expected = text === '' ? 'token_required' : text.length > 16_384 ? 'token_too_large' : 'token_malformed';
      await assert.rejects(target.client.validateJwtAccessToken(text), { reason: expected });
    });
  }
});

/** Texts that are not one JSON object, by their fault. Header and payload have different reasons. */
const NO_OBJECTS = {
  'an array': () => '[]',
  'a string': () => '"x"',
  null: () => 'null',
  'a number': () => '1',
  'nothing but a space': () => ' ',
  'with text behind': (text) => `${text}x`,
  'with a second object behind': (text) => `${text}{}`,
  'with a NUL behind': (text) => `${text}\u0000`,
  'with a comma at its end': (text) => text.replace(/\}$/, ',}'),
  'with a comment': (text) => text.replace(/\}$/, '/**/}'),
  'with single quotes': (text) => text.replaceAll('"', "'"),
  'cut short': (text) => text.slice(0, -1),
  'after a BOM': (text) => `\ufeff${text}`,
  'in UTF-16': (text) => Buffer.from(text, 'utf16le'),
  'with an octet that is not UTF-8': (text) => octets(text, [0xff]),
  'with an overlong NUL': (text) => octets(text, [0xc0, 0x80]),
  'with an encoded surrogate': (text) => octets(text, [0xed, 0xa0, 0x80]),
  'above U+10FFFF': (text) => octets(text, [0xf4, 0x90, 0x80, 0x80]),
  'with a character cut short': (text) => octets(text, [0xe2, 0x82]),
  'with a control character in a string': (text) => text.replace(/\}$/, ',"x":"\u0001"}'),
  'with an escape that is none': (text) => text.replace(/\}$/, ',"x":"\\x41"}'),
  'with NaN': (text) => text.replace(/\}$/, ',"x":NaN}'),
  'with a number in hexadecimal': (text) => text.replace(/\}$/, ',"x":0x10}'),
  'with a leading zero': (text) => text.replace(/\}$/, ',"x":01}'),
  'nested 10,000 deep and never closed': (text) => text.replace(/\}$/, `,"x":${'['.repeat(10_000)}`),
  'nested 5,000 deep': (text) => text.replace(/\}$/, `,"x":${'['.repeat(5000)}${']'.repeat(5000)}}`),
  'nested 1,500 deep in objects': (text) => text.replace(/\}$/, `,"x":${'{"a":'.repeat(1500)}1${'}'.repeat(1500)}}`),
  'nested 33 deep': (text) => text.replace(/\}$/, `,"x":${'['.repeat(32)}${']'.repeat(32)}}`),
};

function octets(text, inserted) {
  const [before, behind] = [text.replace(/\}$/, ',"x":"'), '"}'];
  return Buffer.concat([Buffer.from(before), Buffer.from(inserted), Buffer.from(behind)]);
}

describe('JSON (RFC 8259, RFC 7515 §4, RFC 7519 §7.2)', () => {
  for (const [what, spoil] of Object.entries(NO_OBJECTS)) {
    test(`a header that is ${what} is refused`, () =>
      target.refuses(sign(spoil(headerText()), claimsText()), 'header_invalid'));
    test(`claims that are ${what} are refused`, () =>
      target.refuses(sign(headerText(), spoil(claimsText())), 'claims_invalid'));
  }

  test('a header with an escaped lone surrogate is refused', () =>
    target.refuses(sign(headerText(',"x":"\\ud800"'), claimsText()), 'header_invalid'));

  test('claims with an escaped lone surrogate equal those of JSON.parse, and are refused if a rule reads one', async () => {
    await target.accepts(sign(headerText(), claimsText(',"name":"Ann \\ud83d","\\udc00":["\\ud800"]')));
    const readable = JSON.stringify({ ...target.issuer.claims(), scope: undefined, groups: undefined });
    for (const read of ['"scope":"admin \\ud83d"', '"groups":["\\ud83d"]', '"cnf":{"\\ud83d":1}']) {
      await target.refuses(sign(headerText(), readable.replace(/\}$/, `,${read}}`)), 'claims_invalid');
    }
  });

  test('nesting of 32 is accepted in both, and 10,000 in full is too large', async () => {
    const nested = (depth) => `,"x":${'['.repeat(depth)}${']'.repeat(depth)}`;
    await target.accepts(sign(headerText(nested(31)), claimsText(nested(31))));
    await target.refuses(sign(headerText(), claimsText(nested(10_000))), 'token_too_large');
  });

  const twice = { alg: '"RS256"', kid: '"rsa"', typ: '"JWT"', x: '1' };
  for (const [name, value] of Object.entries(twice)) {
    const escaped = `\\u00${name.charCodeAt(0).toString(16)}${name.slice(1)}`;
    for (const [what, second] of [
      ['twice', name],
      ['twice, once by an escape', escaped],
    ]) {
      test(`a header with ${name} ${what} is refused (RFC 7515 §4)`, () => {
        const first = name === 'typ' || name === 'x' ? `,"${name}":${value}` : '';
        return target.refuses(sign(headerText(`${first},"${second}":${value}`), claimsText()), 'header_invalid');
      });
    }
  }

  for (const name of ['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'scope', 'groups', 'cnf', 'unknown', '__proto__']) {
    const escaped = `\\u00${name.charCodeAt(0).toString(16)}${name.slice(1)}`;
    for (const [what, second] of [
      ['twice', name],
      ['twice, once by an escape', escaped],
    ]) {
      test(`claims with ${name} ${what} are refused, whichever a parser would use (RFC 8725 §2.6)`, async () => {
        const all = { ...target.issuer.claims(), nbf: 0, groups: [], unknown: 1 };
        const text = (first, last) => {
          const value = JSON.stringify(Object.hasOwn(all, name) ? all[name] : {});
          const rest = JSON.stringify({ ...all, [name]: undefined }).slice(1, -1);
          return `{"${first}":${value},${rest},"${last}":${value}}`;
        };
        await target.refuses(sign(headerText(), text(name, second)), 'claims_invalid');
        await target.refuses(sign(headerText(), text(second, name)), 'claims_invalid');
      });
    }
  }

  for (const second of ['x5t#S256', '\\u00785t#S256', 'jkt']) {
    test(`a cnf with ${second} twice is refused, also where binding is ignored`, async () => {
      const first = second === 'jkt' ? 'jkt' : 'x5t#S256';
      const text = claimsText(`,"cnf":{"${first}":"a","${second}":"b"}`);
      await target.refuses(sign(headerText(), text), 'claims_invalid');
      const ignoring = target.client.validateAccessToken(sign(headerText(), text), {
        validateCertificateBinding: false,
      });
      await assert.rejects(ignoring, { reason: 'claims_invalid' });
    });
  }
});

describe('claims named like parts of JavaScript (CVE-2018-3721 and its like: prototype pollution)', () => {
  const EVIL =
    ',"__proto__":{"scope":"admin","isAdmin":true},"constructor":{"prototype":{"isAdmin":true}},"toString":1,"hasOwnProperty":2';

  test('they are ordinary members, from the token and from memory, and change no object', async () => {
    const token = sign(headerText(), claimsText(EVIL));
    for (const claims of [await target.accepts(token), await target.client.validateAccessToken(token)]) {
      assert.deepEqual(Object.getOwnPropertyDescriptor(claims, '__proto__').value, { scope: 'admin', isAdmin: true });
      assert.equal(Object.getPrototypeOf(claims), Object.prototype);
      assert.equal(claims.isAdmin, undefined);
      assert.equal(claims.scope, 'data:read');
    }
    assert.equal({}.isAdmin, undefined);
    assert.equal(typeof {}.toString, 'function');
  });

  test('nothing is inherited from them: not a scope, not an audience, not an expiry', async () => {
    const { exp, ...others } = target.issuer.claims({ scope: undefined });
    const text = (claims, inherited) =>
      JSON.stringify(claims).replace(
        /\}$/,
        `,"__proto__":${JSON.stringify(inherited)},"constructor":{"prototype":${JSON.stringify(inherited)}}}`,
      );
    const scoped = sign(headerText(), text({ ...others, exp }, { scope: 'admin', groups: ['admin'] }));
    await assert.rejects(target.client.validateAccessToken(scoped, { scopes: ['admin'] }), {
      code: 'insufficient_scope',
    });
    await assert.rejects(target.client.validateAccessToken(scoped, { groups: ['admin'] }), {
      code: 'insufficient_groups',
    });
    await target.refuses(sign(headerText(), text(others, { exp })), 'expiry_invalid');
    await target.refuses(
      sign(headerText(), text({ ...others, exp, aud: undefined }, { aud: others.aud })),
      'audience_mismatch',
    );
  });

  test('a groups claim that is named so is read as that member and no other', async () => {
    const client = target.clientWith({ groupOptions: { groupsClaim: '__proto__' } });
    const token = sign(headerText(), claimsText(',"__proto__":["staff"]'));
    await client.validateAccessToken(token, { groups: ['staff'] });
    await assert.rejects(client.validateAccessToken(token, { groups: ['admin'] }), { code: 'insufficient_groups' });
    await assert.rejects(client.validateAccessToken(target.issuer.sign(), { groups: ['staff'] }), {
      code: 'insufficient_groups',
    });
  });
});
