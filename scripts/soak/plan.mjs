// What fails, in which order and for how long? A plan follows only from its random stream: the same seed gives the
// same plan. Outages come one after the other, and so do key changes and floods; the three kinds overlap.

import { FAULTS, delay, drip, dripHead, hang, rewrite, status } from '../../__test__/faults/bodies.mjs';
import { DISCOVERY } from '../../__test__/faults/proxy.mjs';

const SLOW = {
  'nothing at all': hang(),
  'one octet per second': drip(),
  'one octet per second of its head': dripHead(),
};
const busy = (code, seconds) => status(code, { headers: { 'retry-after': seconds } });
const ANY = {
  ...Object.fromEntries(Object.entries(FAULTS).map(([name, [fault]]) => [name, fault])),
  ...SLOW,
  'a status of 401': status(401),
  'a status of 403': status(403),
  'a status of 503 and Retry-After: 2': busy(503, '2'),
  'a status of 429 and Retry-After: 300': busy(429, '300'),
};
const changed = (members) => rewrite((document) => ({ ...document, ...members }));
const OF_METADATA = {
  'no issuer': changed({ issuer: undefined }),
  'another issuer': changed({ issuer: 'https://elsewhere.example' }),
  'no jwks_uri': changed({ jwks_uri: undefined }),
};
const OF_KEYS = { 'an empty set': changed({ keys: [] }), 'no set': changed({ keys: undefined }) };

/** The faults of each document, by name. */
export const FAULTS_OF = {
  [DISCOVERY]: { ...ANY, ...OF_METADATA },
  '/jwks': { ...ANY, ...OF_KEYS },
  '/introspect': ANY,
};
/**
 * The outage that a fault of a document causes. Old metadata stays in use unless it was replaced by incomplete
 * metadata.
 */
export const OUTAGE_OF = { [DISCOVERY]: [], '/jwks': ['keys'], '/introspect': ['introspection'] };

const KINDS = {
  'a document fails': ({ pick, between }) => {
    const path = pick(Object.keys(FAULTS_OF));
    return { path, fault: pick(Object.keys(FAULTS_OF[path])), milliseconds: between(500, 4000) };
  },
  'introspection fails': ({ pick, between }) => ({
    path: '/introspect',
    fault: pick(Object.keys(ANY)),
    milliseconds: between(200, 2000),
  }),
  'everything is slow': ({ pick, between }) => ({
    path: pick([DISCOVERY, '/introspect']),
    delay: between(10, 100),
    milliseconds: between(500, 2000),
  }),
  'the issuer is down': ({ between }) => ({ milliseconds: between(200, 3000) }),
};

const CHANGES = {
  'keys rotate, announced': () => ({ announcedFor: 5000 }),
  'keys rotate by surprise': () => ({}),
  'unknown keys flood': ({ between }) => ({ flood: 'unknown', milliseconds: between(500, 2000) }),
  'garbage opaque tokens flood': ({ between }) => ({ flood: 'garbage', milliseconds: between(500, 2000) }),
  'forged ES512 tokens flood': ({ between }) => ({ flood: 'slow', milliseconds: between(500, 2000) }),
  'proofs of foreign keys flood': ({ between }) => ({ flood: 'foreign', milliseconds: between(500, 2000) }),
};

/** Endless `{ kind, pause, … }`, of `KINDS` or `CHANGES`. */
function* series(kinds, random) {
  // Every document has many kinds of faults, so this comes most often.
  const names = Object.keys(kinds).flatMap((name) => (name === 'a document fails' ? Array(4).fill(name) : [name]));
  for (;;) {
    const kind = random.pick(names);
    yield { kind, ...kinds[kind](random), pause: random.between(200, 2500) };
  }
}

export const outages = (random) => series(KINDS, random);
export const changes = (random) => series(CHANGES, random);

/** The fault of an entry, for the proxy. */
export const faultOf = (entry) => (entry.delay === undefined ? FAULTS_OF[entry.path][entry.fault] : delay(entry.delay));
