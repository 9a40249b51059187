// The tables of the documents, generated from the engine's own tables: options, reasons and limits.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const native = require('../../npm/native/load.js');
const { FAILURES } = require('../../npm/errors/errors.js');
const { Responses } = require('../../npm/protect/response.js');
const { fixOf } = require('../../npm/explain/fixes.js');

const CATALOGUE = readFileSync(new URL('../../src/engine/error.rs', import.meta.url), 'utf8');

/** Options that are functions or objects of JavaScript. The engine's table has only values. */
const FUNCTIONS = [
  ['cache', 'an [`ICache`](api/index.md#icache)', 'Stores validated claims and introspection results. See [caching](caching.md).'],
  [
    'fetcher',
    'a function like `fetch`',
    "Makes every request to the authorization server. It then also handles TLS and proxies.",
  ],
  [
    'metadataResolver',
    'a function that returns the metadata, sync or async',
    'Replaces discovery. Its result is checked like a fetched document.',
  ],
  [
    'jwksResolver',
    'a function that returns the JWK Set, sync or async',
    'Replaces the request for signing keys. JWT validation then needs no metadata.',
  ],
  [
    'dpop.replayStore',
    'an [`IReplayStore`](api/index.md#ireplaystore)',
    'Remembers used DPoP proofs for several processes. Without it, each process accepts a proof once.',
  ],
  [
    'dpop.replayStoreFailure',
    '`local` or `refuse`',
    'What happens if `dpop.replayStore` fails or takes over 250 ms. `local`: the memory of this process decides. `refuse`: the request fails with 503.',
    '`local`',
  ],
  [
    'revocation.store',
    'an [`IRevocationStore`](api/index.md#irevocationstore)',
    'Rejects tokens that were [revoked](revocation.md).',
  ],
  ['revocation.kinds', 'an array of `jti`, `sid`, `sub` and `client_id`', 'The claims that are looked up.', 'all'],
  [
    'revocation.onFailure',
    '`refuse` or `allow`',
    'What happens if `revocation.store` fails or takes over 250 ms. `refuse`: the request fails with 503. `allow`: the token is accepted.',
    '`refuse`',
  ],
  ['revocation.requireIat', 'boolean', '`true` rejects tokens without `iat`.', '`false`'],
].map(([name, values, description, byDefault = 'none']) => ({ name, values, default: byDefault, description }));

/** Reasons of errors that JavaScript throws before the engine is called. */
export const SHIM_REASONS = {
  argument_invalid: ['An argument of a method, of `protect()` or of a helper is wrong', 'Correct the argument that the message names.'],
  auth_state_expired: ['`Auth state expired`', 'Start the sign-in again.'],
  auth_state_invalid: ['`Invalid auth state`', 'Start the sign-in again. The text was altered or the secret differs.'],
  callback_invalid: ['The authorization response cannot be read', 'Reject the callback.'],
  option_invalid: ['An option is missing or wrong', 'Correct the option that the message names.'],
  session_expired: ['`Session Expired`', 'Sign the user in again.'],
  session_invalid: ['`Invalid session data`', 'Sign the user in again. The text was altered or the secret differs.'],
};

/** The text between two markers of a page, by the markers' name. */
export const TABLES = { options, reasons, limits };

/** Every option, below the heading of its group. */
export function options() {
  const rows = native.options().sort((a, b) => a.place - b.place);
  const groups = [...new Set(rows.map(({ group }) => group))];
  const ofGroup = (name) => rows.filter(({ group }) => group === name);
  return [
    ...groups.flatMap((name) => [`### ${name}`, optionTable(ofGroup(name))]),
    '### Functions and objects',
    optionTable(FUNCTIONS),
  ].join('\n\n');
}

function optionTable(rows) {
  return table(
    ['option', 'environment variable', 'values', 'default', 'meaning'],
    rows.map((row) => [
      `\`${row.name}\``,
      row.variable === undefined ? 'none' : `\`${row.variable}\``,
      row.values,
      row.default,
      row.description,
    ]),
  );
}

/** Every reason, below a heading for its class and code. */
export function reasons() {
  const engine = native.failures().map((row) => {
    return { ...row, fix: fixOf(row.reason), specification: specificationOf(row.reason), ...answerTo(row.reason) };
  });
  const shims = Object.entries(SHIM_REASONS).map(([reason, [message, fix]]) => {
    const facts = { name: 'MonoCloudValidationError', code: null, specification: '' };
    return { reason, message, fix, ...facts, ...answerTo('token_required') };
  });
  const all = [...engine, ...shims];
  const headings = [...new Set(engine.map(headingOf))].sort((a, b) => rank(a) - rank(b));
  return headings
    .map((heading) => {
      const rows = all.filter((row) => headingOf(row) === heading);
      const sorted = rows.sort((a, b) => (a.reason < b.reason ? -1 : 1));
      const { status, challenge, hasNonce } = rows[0];
      const nonce = hasNonce ? ', a new nonce in `DPoP-Nonce`,' : '';
      const header = challenge === undefined ? '' : `${nonce} and \`WWW-Authenticate: ${challenge}\``;
      const retry = status === 503 ? ' with `Retry-After`' : '';
      return [
        `### ${heading}`,
        `\`protectApi\` sends ${status}${retry}${header}.`,
        table(['reason', 'message', 'specification', 'what to do'], sorted.map(reasonRow)),
      ].join('\n\n');
    })
    .join('\n\n');
}

const CLASSES = ['MonoCloudTokenError', 'MonoCloudValidationError', 'MonoCloudOPError', 'MonoCloudHttpError'];

/**
 * A configuration that does not fit the server's metadata counts as an outage, so its class has two kinds of
 * responses.
 */
function headingOf({ name, code, status }) {
  if (code !== null) return `\`${name}\`, code \`${code}\``;
  return name === 'MonoCloudValidationError' && status === 503 ? `\`${name}\` about metadata` : `\`${name}\``;
}

function rank(heading) {
  const isOfInvalidTokens = heading.includes('invalid_token') ? 0 : 0.5;
  const isAboutMetadata = heading.endsWith('metadata') ? 0.2 : 0;
  return CLASSES.findIndex((name) => heading.includes(name)) + isOfInvalidTokens + isAboutMetadata;
}

function reasonRow({ reason, message, specification, fix }) {
  return [`\`${reason}\``, message, specification, marked(fix)];
}

/** Names of variables and flags as code. */
function marked(text) {
  return text.replaceAll(/(?<![\w`])(?:[A-Z]+(?:_[A-Z]+)+|--[a-z][a-z-]+)(?:=\w+)?/g, '`$&`');
}

/** RFC and section of a reason, from the comment above its row in the engine's table. */
function specificationOf(reason) {
  const [, comment = ''] = new RegExp(`((?: +///.*\\n)+) +\\w+, "${reason}"`).exec(CATALOGUE) ?? [];
  return /RFC \d+(?: [A-Z]\.\d+| §[\d.]*\d)?(?:, (?:RFC \d+ )?§[\d.]*\d)*/.exec(comment)?.[0] ?? '';
}

/** What the challenge of a code also says, if the route requires it. */
const ASKS = { insufficient_scope: ', scope="…"', insufficient_user_authentication: ', acr_values="…", max_age="…"' };

/** The response of `protectApi` for a reason: the status, and the challenge without its changing parts. */
export function answerTo(reason) {
  const failure = FAILURES[reason];
  const { code } = failure.spec;
  const presented = DPOP_CODES.includes(code) ? { __proto__: null, scheme: 'dpop' } : undefined;
  const responses = new Responses(presented === undefined ? {} : { algorithms: 'ES256' });
  const { status, headers } = responses.to(failure, { scopes: ['…'] }, presented);
  const challenge = headers['WWW-Authenticate']?.replaceAll(/(error_description|algs)="[^"]*"/g, '$1="…"');
  return { status, challenge: challenge && `${challenge}${ASKS[code] ?? ''}`, hasNonce: code === 'use_dpop_nonce' };
}

/** The codes of tokens with the scheme DPoP. */
const DPOP_CODES = ['invalid_dpop_proof', 'use_dpop_nonce'];

/** What is limited and to which value, as in SECURITY.md, where each row names the constant in the code. */
export function limits() {
  const security = readFileSync(new URL('../../SECURITY.md', import.meta.url), 'utf8');
  const [, rows] = /^\| what \| limit \| in the code \|\n\|[-|]+\|\n(.*?)^$/ms.exec(security);
  return table(
    ['what', 'limit'],
    rows.trim().split('\n').map((line) => line.split(' | ').slice(0, 2).map((cell) => cell.replace(/^\| /, ''))),
  );
}

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`.replaceAll('|  |', '| |');
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}
