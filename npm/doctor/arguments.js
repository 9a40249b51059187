'use strict';

/**
 * Parses the command line: one flag for each environment variable of the engine's option table, the token with its
 * DPoP proof, and the requirements to check the token against.
 */

/** @import { PresentedProof } from './facts.js' */
/**
 * What the command line asks for.
 *
 * @typedef {object} Request
 * @property {boolean} [isHelp]
 * @property {boolean} [isVersion]
 * @property {Record<string, string>} [environment] The option flags as environment variables.
 * @property {boolean} [isInspector]
 * @property {string} [token]
 * @property {string[]} [scopes]
 * @property {string[]} [groups]
 * @property {string[]} [permissions]
 * @property {string[]} [roles]
 * @property {string} [certificate]
 * @property {PresentedProof} [proof]
 */
/** @typedef {ReturnType<typeof parsed>['values']} Flags */

const { readFileSync } = require('node:fs');
const { parseArgs } = require('node:util');

const { OPTIONS } = require('./options.js');
const { thrown } = require('./thrown.js');

/** The error for a command line that is not understood. */
class Usage extends Error {}

const OWN_FLAGS = /** @type {const} */ ({
  token: { type: 'string' },
  scope: { type: 'string', multiple: true },
  group: { type: 'string', multiple: true },
  permission: { type: 'string', multiple: true },
  role: { type: 'string', multiple: true },
  'presented-certificate': { type: 'string' },
  'dpop-proof': { type: 'string' },
  method: { type: 'string' },
  url: { type: 'string' },
  json: { type: 'boolean' },
  ui: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
});

/**
 * @param {string[]} argv
 * @returns {Request} The option flags as environment variables, and the token with its requirements, if there is one.
 * @throws Usage
 */
function parse(argv) {
  const { values, positionals } = parsed(argv);
  if (values.help || values.version) return { isHelp: Boolean(values.help), isVersion: Boolean(values.version) };
  if (positionals.length !== 1 || positionals[0] !== 'doctor') {
    throw new Usage(positionals.length === 0 ? 'The command is missing' : 'The only command is doctor');
  }
  /** @type {Record<string, string>} */
  const environment = {};
  for (const { variable, flag } of OPTIONS) {
    const value = /** @type {Record<string, unknown>} */ (values)[flag];
    if (typeof value === 'string') environment[variable] = value;
  }
  if (values.ui) {
    if (values.json || values.token !== undefined || values['dpop-proof'] !== undefined)
      throw new Usage('--ui takes the token on its page, without --token, --dpop-proof and --json');
    return { environment, isInspector: true };
  }
  const { scope: scopes, group: groups, permission: permissions, role: roles } = values;
  return {
    environment,
    token: tokenOf(values),
    scopes,
    groups,
    permissions,
    roles,
    certificate: values['presented-certificate'] && read(values['presented-certificate'], '--presented-certificate'),
    proof: proofOf(values),
  };
}

/** @param {string[]} args */
function parsed(args) {
  /** @type {Record<string, { type: 'string' }>} */
  const optionFlags = Object.fromEntries(OPTIONS.map(({ flag }) => [flag, { type: 'string' }]));
  const options = { ...optionFlags, ...OWN_FLAGS };
  try {
    return parseArgs({ args, options, allowPositionals: true, strict: true });
  } catch (error) {
    // Only the first sentence is useful. The others explain positional arguments.
    throw new Usage(thrown(error).message.split(/\.(?:\s|$)/)[0]);
  }
}

/**
 * Every process can read a command line. `-` therefore reads the token from standard input.
 *
 * @param {Flags} flags
 */
function tokenOf({ token, scope, group, permission, role, 'presented-certificate': certificate, 'dpop-proof': proof }) {
  if (token === undefined) {
    if (scope || group || permission || role || certificate || proof !== undefined) {
      throw new Usage('--scope, --group, --permission, --role, --presented-certificate and --dpop-proof need --token');
    }
    return undefined;
  }
  const text = (token === '-' ? read(0, 'standard input') : token).trim().replace(/^(?:Bearer|DPoP) +/i, '');
  if (text === '') throw new Usage('--token is empty');
  return text;
}

/**
 * The DPoP proof of the token, with the request that it should be for.
 *
 * @param {Flags} flags
 * @returns {PresentedProof | undefined}
 */
function proofOf({ 'dpop-proof': file, method, url }) {
  if (file === undefined) {
    if (method !== undefined || url !== undefined) throw new Usage('--method and --url need --dpop-proof');
    return undefined;
  }
  if (!url) throw new Usage('--dpop-proof needs --url, the URL of the request');
  if (method === '') throw new Usage('--method is empty');
  const text = read(file, '--dpop-proof')
    .trim()
    .replace(/^DPoP: */i, '');
  if (text === '') throw new Usage('--dpop-proof is empty');
  return { text, method: method ?? 'GET', url };
}

/**
 * @param {string | number} path
 * @param {string} what
 */
function read(path, what) {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Usage(`${what} could not be read: ${thrown(error).code}`);
  }
}

function help() {
  const flags = OPTIONS.map(({ flag, variable }) => `  --${flag.padEnd(32)}${variable}`);
  return `Usage: npx @monocloud/backend-node doctor [flags]

Checks your setup with the same engine as your API: the configuration, the
authorization server, its keys, the clock, the credentials, and a token.

Token:
  --token TOKEN, --token -          the token to check; - reads it from standard input
  --scope SCOPE                     a required scope; can be repeated
  --group GROUP                     a required group; can be repeated
  --permission PERMISSION           a required permission; can be repeated
  --role ROLE                       a required role; can be repeated
  --presented-certificate FILE      the caller's certificate (PEM), for a bound token
  --dpop-proof FILE --url URL       the DPoP proof that came with the token, and the
                                    URL that the client called
  --method METHOD                   the method of that request; GET without this flag

Output:
  --ui                              serves a page on this machine that explains tokens
  --json                            prints one JSON document
  --help, --version

Configuration, by flag or by environment variable. A flag wins:
${flags.join('\n')}

If a value starts with -, write --flag=VALUE. Other processes can read the
command line: put secrets into variables and send the token through standard
input.
Exit code: 0 without problems, 1 with problems, 2 if the command line is wrong.`;
}

module.exports = { Usage, help, parse };
