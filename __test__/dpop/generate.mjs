// Which proofs must several implementations agree on?
//
// A good proof for one request, changed in none to three places. The seed determines everything except the nonce of
// ECDSA signatures.

import { base64url, signature } from '../support/jws.mjs';
import { athOf, keyOf, proofKey } from '../support/dpop.mjs';
import { generate } from '../support/keys.mjs';

/** The time of every decision, in seconds. */
export const NOW = 2_000_000_000;

const HOST = 'https://api.example.com';
const REQUESTS = [
  { method: 'GET', url: `${HOST}/orders/7` },
  { method: 'POST', url: `${HOST}/a%2Fb/~c` },
  { method: 'DELETE', url: `${HOST}:8443/` },
  { method: 'PATCH', url: 'http://api.example.com/x?page=2' },
];

/** The senders by algorithm, and one whose key no token is bound to. */
export async function makeKeys() {
  const algorithms = ['ES256', 'EdDSA', 'Ed25519', 'RS256', 'PS256', 'ES384', 'ES512'];
  const senders = await Promise.all(algorithms.map((alg) => proofKey(alg)));
  const foreign = await Promise.all(algorithms.map((alg) => proofKey(alg, 'foreign')));
  const short = keyOf('RS256', (await generate('rsa', { modulusLength: 1024 })).privateKey);
  return { senders, foreign, short, wide: Buffer.alloc(513, 0xff).toString('base64url') };
}

const NOT_TEXT = ['1', 'null', 'true', '[]', '{}', '["GET"]', undefined];
const NOT_NUMBER = ['"2000000000"', 'null', 'true', '[2000000000]', '{}', '1e400', undefined];
const IATS = [
  '0',
  '-1',
  '1e3',
  `${NOW - 59}`,
  `${NOW - 60}`,
  `${NOW - 61}`,
  `${NOW - 90}`,
  `${NOW - 91}`,
  `${NOW - 301}`,
];
const LATER = [`${NOW}.5`, `${NOW + 29}`, `${NOW + 30}`, `${NOW + 31}`, `${NOW + 300}`, `${NOW + 301}`, `${NOW}000`];
const TYPS = ['"JWT"', '"at+jwt"', '"DPOP+JWT"', '"application/dpop+jwt"', '"dpop+jwt "', '"dpop"', ...NOT_TEXT];
const ALGS = ['"none"', '"HS256"', '"ES384"', '"es256"', '"RS256"', '"PS256"', '"ES256K"', '"EdDSA"', ...NOT_TEXT];
const METHODS = ['"get"', '"GET "', '"POST"', '"GET"', '"DELETE"', '"PATCH"', '""', ...NOT_TEXT];
const HEADER_EXTRAS = {
  crit: ['["exp"]', '["b64"]', '[]'],
  b64: ['true', 'false'],
  kid: ['"a"', '1'],
  x5c: ['["AA"]'],
  jku: ['"https://evil.example"'],
  cty: ['"JWT"'],
};
const CLAIM_EXTRAS = {
  nonce: ['"abc"', '1'],
  exp: [`${NOW + 60}`, `${NOW - 3600}`],
  nbf: [`${NOW - 60}`, `${NOW + 3600}`],
  iss: ['"x"', '1'],
  sub: ['"x"'],
  aud: [`"${HOST}"`, '1'],
  extra: ['{"a":[1]}', `"${'x'.repeat(8192)}"`],
};
const JWK_EXTRAS = {
  d: ['"AA"', 'null'],
  p: ['"AA"'],
  dp: ['1'],
  oth: ['[]'],
  k: ['"AAAA"'],
  use: ['"sig"', '"enc"'],
  alg: ['"ES256"', '"RS256"', '"ES384"'],
  key_ops: ['["verify"]', '["sign"]', '["sign","verify"]'],
  kid: ['"a"'],
  ext: ['true'],
  x5c: ['["AA"]'],
};

/** Returns `{ text, token, jkt, method, url, bent }`: a request, its proof, and the names of the proof's changes. */
export function generator({ senders, foreign, short, wide }, tokens, random) {
  const { below, once, pick, octets } = random;
  let number = 0;

  const next = () => {
    // Few RSA signatures: each takes a millisecond.
    const which = once(20) ? 3 + below(4) : below(3);
    const key = senders[which];
    const request = pick(REQUESTS);
    const token = tokens.get(key.jkt);
    number += 1;
    const draft = {
      request,
      which,
      signer: key,
      jwk: texts(key.jwk),
      header: new Map([
        ['typ', '"dpop+jwt"'],
        ['alg', `"${key.alg}"`],
        ['jwk', undefined],
      ]),
      claims: new Map([
        ['jti', `"${number}-${below(1e9)}"`],
        ['htm', `"${request.method}"`],
        ['htu', `"${request.url.split('?')[0]}"`],
        ['iat', `${NOW - below(50)}`],
        ['ath', `"${athOf(token)}"`],
      ]),
      twice: { header: [], claims: [], jwk: [] },
      jwkText: undefined,
      resign: (signed) => signed,
      last: (text) => text,
    };
    const bent = once(5) ? [] : Array.from({ length: 1 + below(2) }, () => pick(BENDS)(draft));
    return { ...request, token, jkt: key.jkt, text: draft.last(write(draft)), bent };
  };

  const set = (members, name, text) => {
    if (text === undefined) members.delete(name);
    else members.set(name, text);
    return `${name}: ${text}`;
  };
  const extra = (members, extras) => {
    const name = pick(Object.keys(extras));
    return set(members, name, pick(extras[name]));
  };

  const BENDS = [
    ({ header }) => set(header, 'typ', pick(TYPS)),
    ({ header }) => set(header, 'alg', pick(ALGS)),
    ({ header }) => extra(header, HEADER_EXTRAS),
    ({ jwk }) => extra(jwk, JWK_EXTRAS),
    ({ jwk }) => extra(jwk, JWK_EXTRAS),
    ({ claims }) => extra(claims, CLAIM_EXTRAS),
    ({ claims }) => set(claims, 'iat', pick([...IATS, ...LATER, ...NOT_NUMBER])),
    ({ claims }) => set(claims, 'iat', pick([...IATS, ...LATER])),
    ({ claims }) => set(claims, 'htm', pick(METHODS)),
    ({ claims }) => set(claims, 'jti', pick([...NOT_TEXT, '""', jtiOf(255), jtiOf(256), jtiOf(257), jtiOf(4000)])),
    ({ claims }) => set(claims, 'ath', pick([...NOT_TEXT, '""', `"${athOf('another')}"`, spelt(claims.get('ath'))])),
    ({ claims, request }) => set(claims, 'htu', pick([...NOT_TEXT, '""', ...htus(request.url)])),
    ({ claims, request }) => set(claims, 'htu', pick(htus(request.url))),
    bendKey,
    bendKey,
    bendText,
    (draft) => {
      const part = pick(['header', 'claims', 'jwk']);
      const name = pick([...draft[part].keys()].filter((member) => draft[part].get(member) !== undefined));
      draft.twice[part].push(`"${name}":${pick([draft[part].get(name), '"x"'])}`);
      return `${part} repeats ${name}`;
    },
    (draft) => {
      const [name, change] = pick(Object.entries(SIGNATURES));
      draft.resign = change;
      return `signature ${name}`;
    },
    (draft) => {
      draft.signer = foreign[draft.which];
      return 'signed by a foreign key';
    },
    (draft) => {
      draft.signer = foreign[draft.which];
      draft.jwk = texts(draft.signer.jwk);
      return 'of a foreign key';
    },
  ];

  const jtiOf = (length) => `"${`${number}-`.padEnd(length, 'j')}"`;
  const spelt = (text = '"a"') => pick([`${text.slice(0, -1)}="`, text.toUpperCase(), text.replace(/[-_]/g, '+')]);

  /** Another key, another type, or another spelling of the same key. */
  function bendKey(draft) {
    const { jwk } = draft;
    const member = pick(Object.keys(draft.signer.jwk));
    const text = jwk.get(member) ?? '""';
    const bytes = Buffer.from(text.slice(1, -1), 'base64url');
    const changes = {
      'of another algorithm': () => (draft.jwk = texts(pick(senders).jwk)),
      'of 1024 bits': () => ((draft.jwk = texts(short.jwk)), (draft.signer = short)),
      'of 4104 bits': () => jwk.set('n', `"${wide}"`),
      'with another exponent': () => jwk.set('e', pick(['"AQ"', '"Ag"', '"AAEAAQ"', '"AQAAAAE"', '"Aw"'])),
      'with another curve': () => jwk.set('crv', pick(['"P-256"', '"P-384"', '"secp256k1"', '"Ed448"', '"X25519"'])),
      'with another type': () => jwk.set('kty', pick(['"EC"', '"RSA"', '"OKP"', '"oct"', '"ec"', '1'])),
      'with padding': () => jwk.set(member, `${text.slice(0, -1)}="`),
      'in standard base64': () => jwk.set(member, text.replaceAll('-', '+').replaceAll('_', '/')),
      'with a zero in front': () =>
        jwk.set(member, `"${Buffer.concat([Buffer.alloc(1), bytes]).toString('base64url')}"`),
      'with an octet less': () => jwk.set(member, `"${bytes.subarray(1).toString('base64url')}"`),
      'off its curve': () => jwk.set('x', `"${octets(bytes.length).toString('base64url')}"`),
      'without a member': () => jwk.delete(member),
      'of another value': () => (draft.jwkText = pick(['null', '"a"', '[]', '1', '{}', undefined])),
    };
    const [name, change] = pick(Object.entries(changes));
    change();
    return `jwk ${name}`;
  }

  const SIGNATURES = {
    'of zeros': (signed) => Buffer.alloc(signed.length),
    'with a bit changed': (signed) => {
      signed[below(signed.length)] ^= 1 << below(8);
      return signed;
    },
    shorter: (signed) => signed.subarray(0, -1),
    longer: (signed) => Buffer.concat([signed, octets(1)]),
  };

  /** The form of the whole proof. */
  function bendText(draft) {
    const changes = {
      padded: (text) => `${text}=`,
      'with a blank': (text) => `${text.slice(0, 30)} ${text.slice(30)}`,
      'with two parts': (text) => text.split('.').slice(0, 2).join('.'),
      'with four parts': (text) => `${text}.AA`,
      'without its signature': (text) => `${text.split('.').slice(0, 2).join('.')}.`,
      twice: (text) => `${text}, ${text}`,
      'with a changed character': (text) => {
        const at = below(text.length);
        return text.slice(0, at) + pick([...'ABCabc019-_.']) + text.slice(at + 1);
      },
      'over 8 KiB': (text) => text.padEnd(8193, 'A'),
    };
    const [name, change] = pick(Object.entries(changes));
    draft.last = change;
    return `proof ${name}`;
  }

  return next;
}

/** The spellings of `htu` for a URL: equal ones (RFC 3986 §6.2) and other ones, as JSON. */
function htus(url) {
  const [bare] = url.split('?');
  const [, scheme, host, path] = /^(https?):\/\/([^/]+)(.*)$/.exec(bare);
  return [
    bare,
    `${bare}?a=b`,
    `${bare}#c`,
    `${scheme.toUpperCase()}://${host.toUpperCase()}${path}`,
    `${scheme}://${host}${scheme === 'http' ? ':80' : ':443'}${path}`,
    `${scheme}://${host}:${path}`,
    `${scheme}://${host}/./x/..${path}`,
    bare.replaceAll('~', '%7e').replace('orders', '%6Frders'),
    bare.replaceAll('%2F', '%2f'),
    bare.replaceAll('%2F', '/'),
    `${bare}/`,
    `${scheme}://${host}/${path}`,
    bare.toUpperCase(),
    `${scheme}://${host}.${path}`,
    `${scheme}://user@${host}${path}`,
    `${scheme}:${host}${path}`,
    `${scheme}:\\\\${host}${path}`,
    `${scheme}://${host}\t${path}`,
    ` ${bare}`,
    `${scheme === 'http' ? 'https' : 'http'}://${host}${path}`,
    `https://evil.example${path}`,
    path,
    `${bare}#${'a'.repeat(2100)}`,
  ].map((text) => JSON.stringify(text));
}

const texts = (jwk) => new Map(Object.entries(jwk).map(([name, value]) => [name, JSON.stringify(value)]));

function write({ header, claims, jwk, jwkText, twice, signer, resign }) {
  const object = (members, more) =>
    `{${[...[...members].map(([name, text]) => `"${name}":${text}`), ...more].join(',')}}`;
  const withKey = new Map(header);
  if (header.has('jwk')) withKey.set('jwk', jwkText ?? object(jwk, twice.jwk));
  const input = `${base64url(object(withKey, twice.header))}.${base64url(object(claims, twice.claims))}`;
  const signed = Buffer.from(signature(signer.alg, signer.privateKey, input), 'base64url');
  return `${input}.${resign(signed).toString('base64url')}`;
}
