// Which tokens must two implementations agree on?
//
// A valid token, changed in one to three places: a member of the header or the claims with another text, a duplicate
// member, another spelling of a part, another signature, or any character. The seed determines everything except the
// nonce of ECDSA signatures.

import { generateKeyPairSync } from 'node:crypto';

import { jwkOf } from '../support/keys.mjs';
import { signature } from '../support/jws.mjs';

export const ISSUER = 'https://tenant.example';
export const AUDIENCE = 'https://api.example.com';
/** The time of every decision, in seconds. */
export const NOW = 2_000_000_000;

const ORDER_P256 = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** Keys by `kid`, their signers, and the published set. */
export function makeKeys() {
  const pairs = {
    ed: generateKeyPairSync('ed25519'),
    ec: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
    other: generateKeyPairSync('ed25519'),
  };
  const publish = (name, members) => jwkOf(pairs[name].publicKey, { kid: name, ...members });
  return {
    pairs,
    jwks: {
      keys: [
        publish('ed'),
        publish('ec'),
        publish('rsa'),
        publish('ed', { kid: 'ed-only', alg: 'EdDSA' }),
        publish('ed', { kid: 'named', alg: 'Ed25519' }),
        publish('ed', { kid: 'enc', use: 'enc' }),
        publish('ec', { kid: 'ops', key_ops: ['sign'] }),
        publish('rsa', { kid: 'verify', alg: 'PS256', key_ops: ['verify'], use: undefined }),
        publish('rsa', { kid: 'rs512', alg: 'RS512' }),
        publish('ed', { kid: 'twins' }),
        publish('other', { kid: 'twins' }),
        { kty: 'oct', kid: 'oct', k: 'AAAA' },
        { kty: 'EC', kid: 'broken', crv: 'P-256', x: 'AA', y: 'AA' },
      ],
    },
  };
}

const ALGS = [
  '"EdDSA"',
  '"Ed25519"',
  '"ES256"',
  '"ES384"',
  '"RS256"',
  '"PS256"',
  '"RS512"',
  '"none"',
  '"HS256"',
  '"eddsa"',
  '"EdDSA "',
  'null',
  '1',
  '["EdDSA"]',
];
const KIDS = [
  '"ed"',
  '"ec"',
  '"rsa"',
  '"ed-only"',
  '"named"',
  '"enc"',
  '"ops"',
  '"verify"',
  '"rs512"',
  '"twins"',
  '"oct"',
  '"broken"',
  '"nobody"',
  '""',
  '1',
  'null',
  '["ed"]',
  '"\\u0065d"',
  '"__proto__"',
  undefined,
];
const TYPS = [
  '"JWT"',
  '"at+jwt"',
  '"AT+JWT"',
  '"application/at+jwt"',
  '"dpop+jwt"',
  '"jose"',
  '""',
  'null',
  '1',
  undefined,
];
const HEADER_EXTRAS = {
  crit: ['["exp"]', '["b64"]', '[]', '"b64"', 'null'],
  b64: ['true', 'false', '"false"'],
  jwk: ['{"kty":"OKP"}'],
  jku: ['"https://evil.example"'],
  x5u: ['"https://evil.example"'],
  x5c: ['["AA"]'],
  number: ['1e400', '1e4', '-0'],
  cty: ['"JWT"'],
  zip: ['"DEF"'],
  enc: ['"A256GCM"'],
};
const NUMBERS = [
  '0',
  '-1',
  '-0',
  '1e3',
  '1e400',
  '-1e400',
  '1.5',
  '1e-400',
  '9007199254740993',
  '99999999999999999999',
  `${NOW}`,
  `${NOW - 300}`,
  `${NOW - 300}.5`,
  `${NOW - 299}`,
  `${NOW + 300}`,
  `${NOW + 301}`,
  `${NOW + 300}.5`,
  `${NOW + 9999}`,
];
const NO_NUMBERS = ['"2000009999"', 'null', 'true', '[]', '[2000009999]', '{}', '""'];
const STRINGS = ['""', '"a"', '"\\ud800"', '"\\ud83d\\ude00"', '"\u00e9"', '"\\u0000"', '"__proto__"'];
const ANY = [...NUMBERS, ...NO_NUMBERS, ...STRINGS];
const CLAIMS = {
  iss: [
    `"${ISSUER}"`,
    `"${ISSUER}/"`,
    `["${ISSUER}"]`,
    '"https://evil.example"',
    `"${ISSUER.toUpperCase()}"`,
    `"https:\\/\\/tenant.example"`,
    ...NO_NUMBERS,
    undefined,
  ],
  aud: [
    `"${AUDIENCE}"`,
    `["${AUDIENCE}"]`,
    `["x","${AUDIENCE}"]`,
    `["${AUDIENCE}",1]`,
    `[["${AUDIENCE}"]]`,
    `"${AUDIENCE}/"`,
    `"x ${AUDIENCE}"`,
    '[]',
    `{"0":"${AUDIENCE}"}`,
    ...NO_NUMBERS,
    undefined,
  ],
  exp: [...NUMBERS, ...NO_NUMBERS, undefined],
  nbf: [...NUMBERS, ...NO_NUMBERS],
  iat: [...NUMBERS, ...NO_NUMBERS, undefined],
  sub: [...STRINGS, '1', 'null', '{}', undefined],
  scope: [...STRINGS, '["a"]'],
  cnf: [
    '{}',
    '{"kid":"a"}',
    '{"jkt":"a"}',
    `{"jkt":"${'A'.repeat(43)}"}`,
    '{"x5t#S256":"AA"}',
    `{"x5t#S256":"${'A'.repeat(43)}"}`,
    'null',
    '"a"',
    '[]',
    '{"a":1,"a":2}',
    '{"x5t#S256":1,"x5t\\u0023S256":2}',
  ],
  ['__proto__']: ['{"scope":"admin"}', 'null'],
  constructor: ['1'],
  extra: ANY,
};

/** Returns `{ token, bent }`: the token and the names of its changes. */
export function generator(keys, random) {
  const { below, once, octets, pick } = random;
  const SIGNERS = [
    ['EdDSA', 'ed'],
    ['Ed25519', 'ed'],
    ['ES256', 'ec'],
    ['ES256', 'ec'],
  ];

  const oneToken = () => {
    const [alg, kid] = once(8) ? ['RS256', 'rsa'] : pick(SIGNERS);
    const draft = {
      alg,
      pair: keys.pairs[kid],
      header: new Map([
        ['alg', `"${alg}"`],
        ['kid', `"${kid}"`],
        ['typ', '"at+jwt"'],
      ]),
      claims: new Map([
        ['iss', `"${ISSUER}"`],
        ['aud', `"${AUDIENCE}"`],
        ['exp', `${NOW + 1 + below(5000)}`],
        ['iat', `${NOW - below(5000)}`],
        ['sub', `"user-${below(1000)}"`],
        ['scope', '"a b"'],
      ]),
      twice: { header: [], claims: [] },
      wrap: { header: (text) => text, claims: (text) => text },
      spell: [],
      resign: undefined,
      last: (token) => token,
    };
    const bent = once(6) ? [] : Array.from({ length: 1 + below(3) }, () => pick(BENDS)(draft));
    return { token: draft.last(write(draft)), bent };
  };

  const BENDS = [
    (draft) => set(draft.header, 'alg', pick(ALGS)),
    (draft) => set(draft.header, 'kid', pick(KIDS)),
    (draft) => set(draft.header, 'typ', pick(TYPS)),
    (draft) => {
      const name = pick(Object.keys(HEADER_EXTRAS));
      return set(draft.header, name, pick(HEADER_EXTRAS[name]));
    },
    ...Array.from({ length: 6 }, () => (draft) => {
      const [name, texts] = pick(Object.entries(CLAIMS));
      return set(draft.claims, name, pick(texts));
    }),
    (draft) => repeat(draft, 'header'),
    (draft) => repeat(draft, 'claims'),
    (draft) => bendText(draft, 'header'),
    (draft) => bendText(draft, 'claims'),
    (draft) => grow(draft),
    (draft) => {
      const [part, [name, spell]] = [below(3), pick(Object.entries(SPELLINGS))];
      draft.spell.push([part, spell]);
      return `part ${part + 1} ${name}`;
    },
    (draft) => {
      const [name, change] = pick(Object.entries(SIGNATURES));
      draft.resign = change;
      return `signature ${name}`;
    },
    (draft) => {
      const [name, change] = pick(Object.entries(CHARACTERS));
      draft.last = change;
      return `token ${name}`;
    },
  ];

  const set = (members, name, text) => {
    if (text === undefined) members.delete(name);
    else members.set(name, text);
    return `${name}: ${text}`;
  };

  /** Adds a duplicate member, perhaps with an escaped name, before or after the first one, perhaps nested. */
  const repeat = (draft, part) => {
    const name = pick([...draft[part].keys(), 'extra']);
    const written = once(2) ? `\\u${name.charCodeAt(0).toString(16).padStart(4, '0')}${name.slice(1)}` : name;
    const member = once(4) ? `"deep":{"${name}":1,"${written}":2}` : `"${written}":${draft[part].get(name) ?? '1'}`;
    draft.twice[part].push(member);
    return `${part} repeats ${name}`;
  };

  const bendText = (draft, part) => {
    const [name, wrap] = pick(Object.entries(TEXTS));
    draft.wrap[part] = wrap;
    return `${part} ${name}`;
  };

  const grow = (draft) => {
    const size = pick([100, 6000, 11_000, 11_900, 12_000, 13_000, 40_000]);
    return set(draft.claims, 'fill', `"${'x'.repeat(size)}"`).slice(0, 20) + size;
  };

  const nested = (depth) => `{"deep":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)},`;
  const TEXTS = {
    'with white space': (text) => ` \t\r\n${text.replaceAll(':', ' : ')}\n`,
    'after a BOM': (text) => `\ufeff${text}`,
    'with text behind': (text) => `${text}${pick(['x', '{}', ',', '\u0000', '\u00a0'])}`,
    'cut short': (text) => text.slice(0, -1 - below(8)),
    'an array': (text) => `[${text}]`,
    'another value': () => pick(['null', '1', '""', '[]', '{}', '']),
    'with a bad octet': (text) =>
      Buffer.concat([Buffer.from(text.slice(0, -1)), Buffer.from(',"bad":"'), octets(2), Buffer.from('"}')]),
    'with a lone surrogate': (text) => text.replace(/\}$/, ',"bad":"\\udc00"}'),
    'nested to the limit': (text) => text.replace('{', nested(32)),
    'nested past the limit': (text) => text.replace('{', nested(33 + below(3))),
    'nested in objects': (text) =>
      text.replace('{', `{"deep":${'{"a":'.repeat(30 + below(5))}1${'}'.repeat(30 + below(5))},`),
    'in an object too many': (text) => `{"x":${text}}`,
    'with a changed character': (text) => {
      const at = below(text.length);
      return (
        text.slice(0, at) + pick(['"', '{', ',', '\\', '0', 'e', '\u00e9', ' ', '\u0007']) + text.slice(at + below(2))
      );
    },
  };

  const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const SPELLINGS = {
    padded: (text) => text + '='.repeat(1 + below(3)),
    'in standard base64': (text) => text.replaceAll('-', '+').replaceAll('_', '/'),
    'with white space': (text) => insert(text, pick([' ', '\n', '\t', '\r\n'])),
    'with a stray character': (text) => insert(text, pick(['!', '\u0000', '=', '%', '\u00e9', '\u0165', '~'])),
    'with other last bits': (text) => text.slice(0, -1) + ALPHABET[ALPHABET.indexOf(text.at(-1)) ^ (1 << below(4))],
    'with a letter more': (text) => text + pick([...ALPHABET]),
    'with a letter less': (text) => text.slice(0, -1),
    empty: () => '',
  };
  const insert = (text, inserted) => {
    const at = below(text.length + 1);
    return text.slice(0, at) + inserted + text.slice(at);
  };

  const SIGNATURES = {
    'of zeros': (octetsOf) => Buffer.alloc(octetsOf.length),
    'with a bit changed': (octetsOf) => {
      octetsOf[below(octetsOf.length)] ^= 1 << below(8);
      return octetsOf;
    },
    shorter: (octetsOf) => octetsOf.subarray(0, -1 - below(3)),
    longer: (octetsOf) => Buffer.concat([octetsOf, octets(1 + below(3))]),
    'at random': (octetsOf) => octets(octetsOf.length),
    negated: (octetsOf) => {
      // ECDSA has two valid signatures: (r, n - s) verifies as (r, s) does (RFC 7518 §3.4 allows both).
      if (octetsOf.length !== 64) return octetsOf;
      const s = ORDER_P256 - BigInt(`0x${octetsOf.subarray(32).toString('hex')}`);
      if (s <= 0n) return octetsOf;
      return Buffer.concat([octetsOf.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')]);
    },
  };

  const CHARACTERS = {
    'with a character changed': (token) => {
      const at = below(token.length);
      return token.slice(0, at) + pick([...ALPHABET, '.', ' ', '=']) + token.slice(at + 1);
    },
    'with a character gone': (token) => {
      const at = below(token.length);
      return token.slice(0, at) + token.slice(at + 1);
    },
    'with two characters exchanged': (token) => {
      const at = below(token.length - 1);
      return token.slice(0, at) + token[at + 1] + token[at] + token.slice(at + 2);
    },
    'with another case': (token) => {
      const at = below(token.length);
      const letter = token[at];
      return (
        token.slice(0, at) +
        (letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase()) +
        token.slice(at + 1)
      );
    },
    'with its parts in another order': (token) =>
      pick([
        [1, 0, 2],
        [2, 1, 0],
        [0, 2, 1],
        [0, 0, 2],
        [0, 1, 1],
        [0, 1],
        [0, 1, 2, 2],
      ])
        .map((part) => token.split('.')[part])
        .join('.'),
  };

  const write = (draft) => {
    const part = (name) => {
      const members = [...draft[name]].map(([member, text]) => `"${member}":${text}`);
      const all = once(2) ? [...members, ...draft.twice[name]] : [...draft.twice[name], ...members];
      return Buffer.from(draft.wrap[name](`{${all.join(',')}}`)).toString('base64url');
    };
    const spelt = (index, text) =>
      draft.spell.reduce((now, [where, spell]) => (where === index ? spell(now) : now), text);
    const input = `${spelt(0, part('header'))}.${spelt(1, part('claims'))}`;
    const signed = Buffer.from(signature(draft.alg, draft.pair.privateKey, input), 'base64url');
    const last = draft.resign ? draft.resign(signed) : signed;
    return `${input}.${spelt(2, last.toString('base64url'))}`;
  };

  return oneToken;
}
